"""Completions by hand, and what each is worth: program?, passed?, N_c, N_tc, undecided.

The sequence is n!; the examples in the prompt are 2 → 2 and 3 → 6; terms are known up to 15.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

from reward_problem import RIGHT, WRONG, block


@dataclass(frozen=True)
class Expected:
    name: str
    text: str
    cases: int = 0
    true: int = 0
    passed: bool = False
    program: bool = True
    undecided: int = 0


def says(name: str, text: str, cases: int, true: int, undecided: int = 0) -> Expected:
    """Nothing but claims; no program."""
    return Expected(name, text, cases, true, program=False, undecided=undecided)


TERMS = [factorial(n) for n in range(30)]
INSIDE = "from math import factorial; print(factorial(int(input())))"
REFLECTION = f"""Let me test it on input `5`: it should give `120`.

Because 5 · 24 = 120.

But it prints `10`.

The last factor is wrong.

{RIGHT}

Final check: on input `6` the revised program prints `720`, as it should."""

PROGRAMS = [
    Expected("a right program alone", RIGHT, passed=True),
    Expected("a wrong program alone", WRONG),
    Expected("nothing", "", program=False),
    Expected("blanks", " \n\t\n", program=False),
    Expected("words only", "I think that one should multiply.", program=False),
    Expected("code without a block", "n = int(input())\nprint(n)", program=False),
    Expected("wrong first, right last", f"{WRONG}\nNo. Again:\n{RIGHT}", passed=True),
    Expected("right first, wrong last", f"{RIGHT}\nOr better:\n{WRONG}"),
    Expected("right, then output in a plain block", f"{RIGHT}\n```\n720\n```", passed=True),
    Expected("no mark at the block", RIGHT.replace("python", ""), passed=True),
    Expected("py3 in tildes", RIGHT.replace("python", "py3").replace("```", "~~~"), passed=True),
    Expected("block not closed", RIGHT.removesuffix("\n```"), passed=True),
    Expected("indented in a list", "1. So:\n   " + RIGHT.replace("\n", "\n   "), passed=True),
    Expected("in thoughts only", f"<think>{RIGHT}</think>\nThat is it.", program=False),
    Expected("in thoughts that never end", f"<think>\n{RIGHT}", program=False),
    Expected("after thoughts", f"<think>\n{WRONG}\n</think>\n{RIGHT}", passed=True),
    Expected("thoughts begun by the template", f"{WRONG}\n</think>\n{RIGHT}", passed=True),
    Expected("another language", "```cpp\nint main() {}\n```", program=False),
    Expected("prints the examples", block("print({2: 2, 3: 6}[int(input())])")),
    Expected("prints the examples, else guesses", block("n = int(input())\nprint({2: 2, 3: 6}.get(n, n))")),
    Expected("a table of the right terms", block(f"print({TERMS}[int(input())])"), passed=True),
    Expected("input() missing", block("def solve(n):\n    return n")),
    Expected("a constant", block("print(24)")),
    Expected("exec of the right program", block(f"exec({INSIDE!r})"), passed=True),
    Expected("exec of forbidden things", block("exec('import os; os.system(\"id\")')")),
    Expected("opens a socket", block("import socket\nsocket.create_connection(('127.0.0.1', 80))")),
    Expected("reads the judge's files", block("import glob\nprint(open(glob.glob('/proc/self/*')[0]).read())")),
    Expected("ends well and says nothing", block("import os\nos._exit(0)")),
    Expected("does not compile", block("print((((")),
    Expected("a hundred thousand brackets", block("(" * 100_000)),
    Expected("NUL in the program", block("print(1)\x00")),
    Expected("lone surrogates", block("print('\ud800')") + "\udfff"),
    Expected("floods stdout", block("while True: print('9' * 1000)")),
    Expected("digits of the answer and more", block("print(int(input()), 'ways')")),
]  # fmt: skip

PHRASED = [
    says("should give", "Let me test it on input 5: it should give 120.", 1, 1),
    says("should give, wrong", "Let me test it on input 5: it should give 121.", 1, 0),
    Expected("on lines of their own", "On input\n```\n5\n```\nit should give\n```\n120\n```\n", 1, 1),
    says("function", "f(5) = 120 and f(6) = 720, but f(7) = 5000.", 3, 2),
    says("chain", "a(5) = 5 * a(4) = 5 * 24 = 120.", 1, 1),
    says("index", "So $a_{5} = 120$ and $a_6=721$.", 2, 1),
    says("LaTeX", r"\(f(5) = 5 \cdot 24 = \boxed{120}\)", 1, 1),
    says("n = 5 → 120", "n = 5 → 120\nn=6 → 720", 2, 2),
    says("arrows", "- 5 -> 120\n- 6 -> 720\n- 7 => 5041", 3, 2),
    says("Input/Output", "Input: 5\nOutput: 120\n\nInput: 6\nOutput: 700", 2, 1),
    says("Markdown", "* **Input:** `5`\n* **Expected output:** `120`", 1, 1),
    Expected("fenced session", "Input:\n```\n5\n```\nOutput:\n```\n120\n```", 1, 1),
    says("table", "| n | expected |\n|---:|---:|\n| 5 | 120 |\n| 6 | 720 |\n| 7 | 5 |", 3, 2),
    says("table, transposed", "| n | 5 | 6 |\n|---|---|---|\n| f(n) | 120 | 720 |", 2, 2),
    says("table with what was printed", "| input | expected | got |\n|---|---|---|\n| 5 | 120 | 7 |", 1, 1),
    says("JSON", '{"input": "5", "output": "120"}', 1, 1),
    says("JSON lists", '{"inputs": ["5", "6"], "outputs": ["120", "7"]}', 2, 1),
    says("reversed", "It should be 120 for n = 5, and the answer for n = 6 is 720.", 2, 2),
    says("thousands", "For n = 8 the answer is 40,320.", 1, 1),
    says("worked out first", "Take n = 5. There are 5 places for the first. So the answer should be 120.", 1, 1),
    says("in thoughts", "<think>f(5) = 120</think> Good.", 1, 1),
    says("a term that is not listed", f"For n = 20 it should print {factorial(20)}.", 1, 1),
    says("a term that is not listed, wrong", "For n = 20 it should print 1000.", 1, 0),
    Expected("assert", block("def solve(n):\n    return n\nassert solve(5) == 120\nassert solve(6) == 7"), 2, 1),
    Expected("tests", block("tests = [(5, 120), (6, 720)]\nmore_cases = {7: 5040, 8: 1}"), 4, 3),
    Expected("remarks", block("print(solve(5))  # 120\n# n = 6 -> 720\n"), 2, 2),
    Expected("a name of its own", block("def orders(n): ...\nprint(orders(int(input())))\nassert orders(5) == 120"),
             1, 1),
    Expected("reflection", REFLECTION, 2, 2, passed=True),
]  # fmt: skip

NO_CLAIMS = [
    says("what a program printed", "But it prints 7.", 0, 0),
    says("what a program printed on an input", "On input 5 my program prints 7, which is wrong.", 0, 0),
    says("printed instead", "With n = 5 the code prints 7 instead of 120.", 1, 1),
    says("a question", "Is f(5) = 7?", 0, 0),
    says("another function", "phi(5) = 4 and gcd(5) = 5, is_prime(5) = 1", 0, 0),
    says("a helper beside the sequence", "With f(5) = 7 we have t(5) = 120.", 1, 1),
    says("a chain of steps", "10 -> 5 -> 16 -> 8", 0, 0),
    says("a list", "n = 4, 5, 6 gives 24, 120, 720", 0, 0),
    says("a bound", "For n = 10^5 this takes 10^10 steps; n = 2.5 is no input.", 0, 0),
    says("an expression", "f(5) = 5 * 24", 0, 0),
    says("a share", "On input 5 it should give 50%.", 0, 0),
    says("counting", "Given 3 queues, the answer is 120.", 0, 0),
]

NOT_SELF_MADE = [
    says("the examples", "f(2) = 2 and f(3) = 6.", 0, 0),
    says("the examples, contradicted", "f(2) = 3. Input 3 should give 7.", 0, 0),
    says("one case a thousand times", "On input 5 it should give 120. " * 1000, 1, 1),
    says("one case in every dress", "f(5) = 120. n = 5 -> 120. Input: 05\nOutput: +120\na(5)=0120", 1, 1),
    says("hedged", "f(5) = 120. Or f(5) = 121. Or f(5) = 119.", 3, 1),
]

HOSTILE = [
    says("10^5 false cases", "\n".join(f"f({n}) = 7" for n in range(100_000)), 0, 0),
    says("10^4 false cases", "\n".join(f"f({n}) = 7" for n in range(10_000)), 9_998, 0),
    says("one true among 10^4", "\n".join(f"f({n}) = 120" for n in range(10_000)), 9_998, 1),
    says("absurd output", f"f(5) = {'9' * 100_000}", 1, 0),
    says("absurd input", f"f({'9' * 100_000}) = 5", 0, 0, undecided=1),
    says("no such input", "f(-5) = 120", 0, 0, undecided=1),
    says("a line of 10 MB", "f(5) = 120 " * 1_000_000, 0, 0),
    says("a quarter megabyte of brackets", "f(" * 125_000, 0, 0),
    says("a quarter megabyte of digits", "1" * 250_000, 0, 0),
    says("a quarter megabyte of stars", "*" * 250_000, 0, 0),
    says("a quarter megabyte of arrows", "5 -> " * 50_000, 0, 0),
    says("a quarter megabyte of equals", "f(5) " + "= 5 * 5 " * 30_000, 0, 0),
    says("a quarter megabyte of blanks", "n = 5" + " " * 250_000 + "-> 120", 1, 1),
    says("a quarter megabyte of empty lines", "n = 5" + "\n" * 250_000, 0, 0),
    says("a quarter megabyte of table", "|" * 250_000, 0, 0),
    says("a quarter megabyte of lists", '"inputs": [' * 22_000, 0, 0),
    says("a quarter megabyte of fences", "```\n" * 60_000, 0, 0),
    says("a fence with a long tail", "```" + "a" * 250_000 + "`", 0, 0),
    says("a quarter megabyte of LaTeX", "\\boxed{" * 35_000, 0, 0),
    says("NULs inside numbers", "f(5\x00) = 12\x000", 1, 1),
    says("surrogates", "\ud800 f(5) = 120 \udc00", 1, 1),
    says("private marks", "\ue0000\ue001 f(\ue0000\ue001) = 120, f(5) = \ue00099\ue001120", 2, 0),
]

ALL = [*PROGRAMS, *PHRASED, *NO_CLAIMS, *NOT_SELF_MADE, *HOSTILE]
