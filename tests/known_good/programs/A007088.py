print(f"{int(input()):b}")
