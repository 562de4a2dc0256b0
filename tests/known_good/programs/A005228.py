n = int(input())
term, gap = 1, 2
used = {1}
while n > 1:
    used.add(gap)
    term += gap
    used.add(term)
    n -= 1
    while gap in used:
        gap += 1
print(term)
