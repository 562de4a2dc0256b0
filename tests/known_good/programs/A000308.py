import sys
n = int(sys.stdin.readline())
seq = [1, 2, 3]
for i in range(3, n):
    seq.append(seq[i - 1] * seq[i - 2] * seq[i - 3])
print(seq[n - 1])
