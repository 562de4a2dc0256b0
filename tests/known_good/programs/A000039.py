# The mock theta function f(q) = sum q^(k^2) / ((1+q)...(1+q^k))^2, read at the even powers.
import sys


def main():
    n = int(sys.stdin.read())
    size = 2 * n + 1
    total = [0] * size
    denominator_inverse = [1] + [0] * (size - 1)
    k = 0
    while k * k < size:
        if k > 0:
            # divide twice by (1 + q^k)
            for _ in range(2):
                for i in range(k, size):
                    denominator_inverse[i] -= denominator_inverse[i - k]
        for i in range(size - k * k):
            total[i + k * k] += denominator_inverse[i]
        k += 1
    print(total[2 * n])


main()
