from itertools import count, islice
n = int(input())
prime_numbers = (k for k in count(2) if all(k % d for d in range(2, k)))
print(sum(islice(prime_numbers, n)))
