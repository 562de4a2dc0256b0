import heapq

def primes():
    # lazy sieve on a heap of (next multiple, prime)
    heap = [(4, 2)]
    yield 2
    k = 3
    while True:
        if heap[0][0] > k:
            heapq.heappush(heap, (k * k, k))
            yield k
        else:
            while heap[0][0] == k:
                m, p = heapq.heappop(heap)
                heapq.heappush(heap, (m + p, p))
        k += 1

n = int(input())
last = -1
for p in primes():
    if p - last == 2:
        n -= 1
        if n == 0:
            print(last)
            break
    last = p
