n = int(input())
match n % 4:
    case 0:
        print(1)
    case 2:
        print(-1)
    case _:
        print(0)
