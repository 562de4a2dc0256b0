class Triangle:
    def __init__(self, index):
        self.index = index

    @property
    def value(self):
        return self.index * (self.index + 1) // 2


n = int(input())
print(0 if n == 0 else Triangle(2 * n - 1).value)
