print(f"{int(input())**3}")
