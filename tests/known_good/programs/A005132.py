n = int(input())
here, seen = 0, {0}
for step in range(1, n + 1):
    back = here - step
    here = back if back > 0 and back not in seen else here + step
    seen.add(here)
print(here)
