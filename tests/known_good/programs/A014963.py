n = int(input())
prime_divisors = [p for p in range(2, n + 1) if n % p == 0 and all(p % q for q in range(2, p))]
print(prime_divisors[0] if len(prime_divisors) == 1 else 1)
