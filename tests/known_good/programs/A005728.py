from fractions import Fraction
n = int(input())
farey = {Fraction(0), Fraction(1)} if n else {Fraction(0)}
for q in range(1, n + 1):
    for p in range(q + 1):
        farey.add(Fraction(p, q))
print(len(farey))
