import sys
q = [0, 1, 1]
n = int(sys.stdin.readline().strip())
for i in range(3, n + 1):
    q.append(q[i - q[i - 1]] + q[i - q[i - 2]])
sys.stdout.write("%d\n" % q[n])
