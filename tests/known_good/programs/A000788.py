n = int(input())
text = "".join(format(k, "b") for k in range(n + 1))
print(text.count("1"))
