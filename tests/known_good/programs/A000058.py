n = int(input())
terms = [2]
while len(terms) <= n:
    product = 1
    for t in terms:
        product *= t
    terms.append(product + 1)
print(terms[n])
