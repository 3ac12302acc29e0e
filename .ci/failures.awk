# Reads what `go test -v` printed and prints again what belongs to tests that failed: their own lines, the runner's
# verdicts, and what a package said that no test did, as a panic or a compiler does. Of very long ones, both ends.

function keep(lines, count, key) { lines[key, ++count[key]] = $0 }

function show(lines, count, key,   i, from, n) {
  n = count[key]
  for (i = 1; i <= n; i++) {
    if (n > 2 * most && i == most + 1) {
      from = n - most
      printf "    [%d lines more]\n", from - most
      i = from + 1
    }
    print lines[key, i]
  }
}

function end_of_package(failed,   i) {
  if (failed) {
    for (i = 1; i <= failures; i++) show(said, saidCount, failure[i])
    show(outside, outsideCount, "")
    for (i = 1; i <= failures; i++) print verdict[i]
    print
  }
  failures = 0
  current = ""
  split("", said); split("", saidCount); split("", outside); split("", outsideCount)
}

BEGIN { most = 40 }

/^=== (RUN|PAUSE|CONT|NAME) / { current = $3; next }
/^ *--- FAIL: / { failure[++failures] = $3; verdict[failures] = $0; next }
/^ *--- (PASS|SKIP): / { next }
/^(panic: |fatal error: )/ { current = "" }
/^(PASS|FAIL)$/ { next }
/^(ok  |\?   )\t/ { end_of_package(0); next }
/^FAIL\t/ { end_of_package(1); next }
{ if (current == "") keep(outside, outsideCount, ""); else keep(said, saidCount, current) }
END { print "FAIL" }
