import threading, sys
sys.setrecursionlimit(100000)
threading.stack_size(64 * 1024 * 1024)

def main():
    n = int(input())
    memo = {}

    def walk(left, height):
        if left == 0:
            return 1 if height == 0 else 0
        if height > left:
            return 0
        key = (left, height)
        if key not in memo:
            ways = walk(left - 1, height + 1)
            if height > 0:
                ways += walk(left - 1, height)
                ways += walk(left - 1, height - 1)
            memo[key] = ways
        return memo[key]

    print(walk(n, 0))

t = threading.Thread(target=main)
t.start()
t.join()
