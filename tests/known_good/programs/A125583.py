# Letters of the French cardinal of the n-th prime, hyphens and spaces not counted.
SMALL = (
    "zero un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize "
    "dixsept dixhuit dixneuf"
).split()
TENS = {2: "vingt", 3: "trente", 4: "quarante", 5: "cinquante", 6: "soixante"}


def french(n):
    if n < 20:
        return SMALL[n]
    if n < 70:
        tens, ones = divmod(n, 10)
        if ones == 0:
            return TENS[tens]
        return TENS[tens] + ("et" if ones == 1 else "") + SMALL[ones]
    if n < 80:
        return "soixante" + ("et" if n == 71 else "") + SMALL[n - 60]
    return "quatrevingt" + ("s" if n == 80 else SMALL[n - 80])


n = int(input())
p = 1
while n:
    p += 1
    if all(p % d for d in range(2, p)):
        n -= 1
print(len(french(p)))
