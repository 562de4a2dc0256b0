n = int(input())
m = 1
while True:
    divisors = [d for d in range(1, m + 1) if m % d == 0]
    if n <= len(divisors):
        print(divisors[n - 1])
        break
    n -= len(divisors)
    m += 1
