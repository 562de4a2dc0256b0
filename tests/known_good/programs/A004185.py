s = "".join(sorted(input().strip())).replace("0", "")
print(s or 0)
