n = int(input())
# binary search
lo, hi = 0, n + 1
while hi - lo > 1:
    mid = (lo + hi) // 2
    if mid * mid <= n:
        lo = mid
    else:
        hi = mid
print(lo)
