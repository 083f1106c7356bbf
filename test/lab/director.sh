# Talking to the lab's director from a script; sourced. Needs $control, the control plane's
# folder. Credentials are read from a file, never from the command line.

# director METHOD TARGET [CURL OPTION…]: prints the body; fails on 4xx and 5xx with it.
director() {
  local method=$1 target=$2
  shift 2
  curl --silent --show-error --fail-with-body --config "$control/director.curl" \
    --request "$method" "$@" "https://10.77.0.1:25555$target"
}

# Runs a request that makes a task, prints the task's rows as they come and fails with it.
director_task() {
  local method=$1 target=$2 location task state=processing version=0 seen=0 lines
  shift 2
  location=$(curl --silent --show-error --fail-with-body --config "$control/director.curl" --output "$control/answer" \
    --write-out '%{redirect_url}' --request "$method" "$@" "https://10.77.0.1:25555$target") || {
    cat "$control/answer" >&2
    return 1
  }
  task=${location##*/}
  [ -n "$task" ] || return 0  # nothing had to be done
  while [[ $state =~ ^(queued|processing|cancelling)$ ]]; do
    version=$(curl --silent --config "$control/director.curl" --output "$control/task" \
      --write-out '%header{x-slipway-version}' "https://10.77.0.1:25555/tasks/$task?wait_seconds=20&version=$version")
    state=$(jq -r .state "$control/task")
    director GET "/tasks/$task/output?type=event" > "$control/events" 2>/dev/null || true
    lines=$(wc -l < "$control/events")
    tail -n +$((seen + 1)) "$control/events" | jq -r 'select(.state == "started" or .state == "failed" or .error)
      | "         " + (.stage // "error") + ": " + (.task // .error.message) + (if .state == "failed" then " FAILED " + .data.error else "" end)'
    seen=$lines
  done
  [ "$state" = done ]
}
