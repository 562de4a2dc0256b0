class Gauss:
    def __init__(self, re, im=0):
        self.re, self.im = re, im

    def __mul__(self, other):
        return Gauss(self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re)


z = Gauss(1)
for _ in range(int(input())):
    z = z * Gauss(1, 1)
print(z.re)
