# Test cases in a shell script; sourced. A case is a function that succeeds.
cases_passed=0
cases_failed=0

# check TITLE COMMAND…
check() {
  local title=$1 output
  shift
  if output=$("$@" 2>&1); then
    cases_passed=$((cases_passed + 1))
    echo "ok      $title"
  else
    cases_failed=$((cases_failed + 1))
    echo "FAILED  $title"
    sed 's/^/        /' <<< "$output"
  fi
}

# expect WANTED FOUND
expect() {
  [ "$1" = "$2" ] || {
    echo "expected '$1', found '$2'"
    return 1
  }
}

summary() {
  echo "$cases_passed passed, $cases_failed failed"
  [ "$cases_failed" -eq 0 ]
}
