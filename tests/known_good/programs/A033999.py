print(-1 if int(input()) % 2 else 1)
