# From samples to the line of a goal; sourced. A sample is a line of numbers.

# quantile FILE Q EXPRESSION: of an awk expression over each sample's fields.
quantile() {
  awk "{ print ($3) }" "$1" | sort -g | awk -v q="$2" '
    { value[NR] = $1 }
    END { at = q * NR; at = at == int(at) ? at : int(at) + 1; printf "%.4g\n", value[at < 1 ? 1 : at] }'
}

median() { quantile "$1" 0.5 "$2"; }
p95() { quantile "$1" 0.95 "$2"; }
total() { awk "{ sum += ($2) } END { printf \"%.4g\\n\", sum }" "$1"; }
sum() { awk "{ sum += ($2) } END { print sum + 0 }" "$1"; }
count_of() { wc -l < "$1"; }

# ready deployment done floor_ready floor_deployment
figures_of_kubernetes() {
  printf 'kubernetes: ratio %s to all nodes ready (target 1.5, moonshot 1.15), baseline %s s: the same nodes with all in place, started by libvirt; ' \
    "$(median "$1" '$1 / $4')" "$(median "$1" '$4 / 1000')"
  printf 'pks %s s, to three replicas %s s (ratio %s, baseline %s s), add-ons included %s s, %d repeats\n' \
    "$(median "$1" '$1 / 1000')" "$(median "$1" '$2 / 1000')" "$(median "$1" '$2 / $5')" "$(median "$1" '$5 / 1000')" \
    "$(median "$1" '$3 / 1000')" "$(count_of "$1")"
}

# worker all asked lost, by pks; the same of the floor, and of recreation by hand
figures_of_upgrade() {
  printf 'upgrade: ratio %s a worker, baseline %s s: drained by hand, its VM stopped and started by libvirt with all in place, ready; ' \
    "$(median "$1" '$1 / $5')" "$(median "$1" '$5 / 1000')"
  printf 'pks %s s a worker, p95 of the ratio %s, by hand with a new VM by the director %s s (ratio %s); master, add-ons and all %s s; ' \
    "$(median "$1" '$1 / 1000')" "$(p95 "$1" '$1 / $5')" "$(median "$1" '$9 / 1000')" "$(median "$1" '$1 / $9')" \
    "$(median "$1" '$2 / 1000')"
  printf 'requests lost %s of %s (target 0), by hand %s of %s and %s of %s, %d repeats\n' \
    "$(sum "$1" '$4')" "$(sum "$1" '$3')" "$(sum "$1" '$8')" "$(sum "$1" '$7')" "$(sum "$1" '$12')" \
    "$(sum "$1" '$11')" "$(count_of "$1")"
}

# figures_of_cpi CLOUD FILE, samples: call call_processor bare bare_processor start ruby create_vm
figures_of_cpi() {
  local samples
  samples=$(mktemp)
  cat "$2" > "$samples"
  printf 'CPI %s: a call takes %s of the bare exchange of the same requests, and %s of its processor, baseline %s ms and %s ms of processor; ' \
    "$1" "$(median "$samples" '$1 / $3')" "$(median "$samples" '$2 / $4')" "$(median "$samples" '$3')" "$(median "$samples" '$4')"
  printf '%s calls a second; start to first request %s of a Ruby that loads json and net/http (%s ms); create_vm makes %s requests, %d repeats\n' \
    "$(median "$samples" '1000 / $1')" "$(median "$samples" '$5 / $6')" "$(median "$samples" '$6')" \
    "$(median "$samples" '$7')" "$(count_of "$samples")"
  rm "$samples"
}

# deploy floor virsh director cpi others define
figures_of_goal_1() {
  printf 'goal 1: ratio %s (target 1.15, moonshot 1.05), baseline %s s: the same ten domains by the C API of libvirt and their boot; ' \
    "$(median "$1" '$1 / $2')" "$(median "$1" '$2 / 1000')"
  printf 'director %s s, p95 of the ratio %s, serial virsh %s s (ratio %s, moonshot 0.5), %d repeats\n' \
    "$(median "$1" '$1 / 1000')" "$(p95 "$1" '$1 / $2')" "$(median "$1" '$3 / 1000')" "$(median "$1" '$1 / $3')" \
    "$(count_of "$1")"
}

figures_of_goal_2() {
  printf 'goal 2: ratio %s (target 5 ms = %s, moonshot 1.5 ms and 10), baseline %s ms: define and create in test:///default; ' \
    "$(median "$1" '$4 / 10 / $7')" "$(median "$1" '5 / $7')" "$(median "$1" '$7')"
  printf 'director %s ms of processor an instance, p95 of the ratio %s, with CPI %s ms, with bus and template workers too %s ms, %d repeats\n' \
    "$(median "$1" '$4 / 10')" "$(p95 "$1" '$4 / 10 / $7')" "$(median "$1" '($4 + $5) / 10')" \
    "$(median "$1" '($4 + $5 + $6) / 10')" "$(count_of "$1")"
}

# The four figures of slipway-bench-plan for 1,000 instances, then those for 10,000.
figures_of_goal_3() {
  printf 'goal 3: ratio %s without a change (target 10, moonshot 3), baseline %s ms: parsing manifest and state of 10,000 instances; ' \
    "$(median "$1" '$7 / $8')" "$(median "$1" '$8')"
  printf 'planner %s ms (moonshot 150), p95 of the ratio %s, 1,000 instances: %s ms and ratio %s\n' \
    "$(median "$1" '$7')" "$(p95 "$1" '$7 / $8')" "$(median "$1" '$3')" "$(median "$1" '$3 / $4')"
  printf 'goal 3: ratio %s for the first plan (target 10, moonshot 3), baseline %s ms: parsing the manifest of 10,000 instances; ' \
    "$(median "$1" '$5 / $6')" "$(median "$1" '$6')"
  printf 'planner %s ms, p95 of the ratio %s, 1,000 instances: %s ms and ratio %s, T(10k)/T(1k) %s (target 12, moonshot 10.5), %d repeats\n' \
    "$(median "$1" '$5')" "$(p95 "$1" '$5 / $6')" "$(median "$1" '$1')" "$(median "$1" '$1 / $2')" \
    "$(median "$1" '$5 / $1')" "$(count_of "$1")"
}

# renderer rival floor, each for the same share of the 10,000 instances
figures_of_goal_4() {
  printf 'goal 4: ratio %s of the throughput of the rival (target 5), baseline %s s: ERB as BOSH uses it, one process; ' \
    "$(median "$1" '$2 / $1')" "$(total "$1" '$2 / 1000')"
  printf 'ratio %s of the floor (moonshot 0.95), baseline %s s: the templates as Ruby methods, one worker a core; ' \
    "$(median "$1" '$3 / $1')" "$(total "$1" '$3 / 1000')"
  printf 'renderer %s s for 10,000 instances of 10 templates, bytes equal, 5th percentile of the ratios %s and %s, %d parts\n' \
    "$(total "$1" '$1 / 1000')" "$(quantile "$1" 0.05 '$2 / $1')" "$(quantile "$1" 0.05 '$3 / $1')" "$(count_of "$1")"
}

# cpu_feed cpu_writes cpu_polls, then median and p99 of the lag of each
figures_of_goal_9() {
  printf 'goal 9: ratio %s of processor time (target 2, moonshot 1.2), baseline %s ms: the same 30 lines written to 1,000 sockets; ' \
    "$(median "$1" '$1 / $2')" "$(median "$1" '$2')"
  printf 'feed %s ms, p95 of the ratio %s, p99 of the lag %s ms (target 100, moonshot 10; baseline %s ms); ' \
    "$(median "$1" '$1')" "$(p95 "$1" '$1 / $2')" "$(median "$1" '$5')" "$(median "$1" '$7')"
  printf 'polls every 500 ms %s ms, p99 of the lag %s ms; no line lost or repeated, %d repeats\n' \
    "$(median "$1" '$3')" "$(median "$1" '$9')" "$(count_of "$1")"
}

# one one-p99 nginx nginx-p99 list list-p99 nginx nginx-p99
figures_of_goal_8() {
  printf 'goal 8: ratio %s for one cluster (target 0.5, moonshot 0.8), baseline %s requests a second: nginx with the same bytes; ' \
    "$(median "$1" '$1 / $3')" "$(median "$1" '$3')"
  printf 'API %s a second, 5th percentile of the ratio %s, p99 %s ms (baseline %s ms, moonshot 2 times it)\n' \
    "$(median "$1" '$1')" "$(quantile "$1" 0.05 '$1 / $3')" "$(median "$1" '$2')" "$(median "$1" '$4')"
  printf 'goal 8: ratio %s for a list of 1,000 (target 0.5, moonshot 0.95), baseline %s requests a second: nginx with the same bytes; ' \
    "$(median "$1" '$5 / $7')" "$(median "$1" '$7')"
  printf 'API %s a second, 5th percentile of the ratio %s, p99 %s ms (baseline %s ms), %d repeats\n' \
    "$(median "$1" '$5')" "$(quantile "$1" 0.05 '$5 / $7')" "$(median "$1" '$6')" "$(median "$1" '$8')" "$(count_of "$1")"
}

# median p99 longest floor false-calls
figures_of_goal_6() {
  printf 'goal 6: ratio %s at the 99th percentile (target 1.3, moonshot 1.1 and 50 ms), baseline %s ms: three beats of a second; ' \
    "$(median "$1" '$2 / $4')" "$(median "$1" '$4')"
  printf 'from death to the repair call, 5 %% of messages lost: median %s ms, p99 %s ms, longest %s ms; called though alive: %s of 300, %d repeats\n' \
    "$(median "$1" '$1')" "$(median "$1" '$2')" "$(p95 "$1" '$3')" "$(p95 "$1" '$5')" "$(count_of "$1")"
}

# ours floor ruby share
figures_of_goal_5() {
  printf 'goal 5: %s of the heartbeats a core that a bare NATS subscriber takes (moonshot 0.5), %s of those that Ruby parses (target 4, moonshot 10), ' \
    "$(median "$1" '$2 / $1')" "$(median "$1" '$3 / $1')"
  printf '%s a second and core, p95 of the first ratio %s; 10,000 agents at 1 s: %s %% of a core, %d repeats\n' \
    "$(median "$1" '500000 / $1 * 1000')" "$(p95 "$1" '$2 / $1')" "$(median "$1" '$4')" "$(count_of "$1")"
}

# first repeat-asked repeat-sent changed floor rival
figures_of_goal_11() {
  printf 'goal 11: ratio %s (target 0.7, floor is %s), repeat %s (target 0.05), baseline %s ms: cp and sha256sum; ' \
    "$(median "$1" '$1 / $6')" "$(median "$1" '$5 / $6')" "$(median "$1" '$2 / $6')" "$(median "$1" '$6')"
  printf 'first %s ms, %s of one pass of copy and SHA-256 (moonshot 1.05), p95 of the ratio %s, repeat asked for %s ms (moonshot 10), ' \
    "$(median "$1" '$1')" "$(median "$1" '$1 / $5')" "$(p95 "$1" '$1 / $6')" "$(median "$1" '$2')"
  printf 'repeat sent all the same %s ms, 1 %% changed %s (moonshot 0.15), %d repeats\n' \
    "$(median "$1" '$3')" "$(median "$1" '$4 / $6')" "$(count_of "$1")"
}

# figures_of_goal_7 FILE AGENT_BYTES EMPTY_BYTES, samples: rss anonymous floor_rss floor_anonymous
figures_of_goal_7() {
  printf 'goal 7: ratio %s (target 4400 KiB = %s, moonshot 3300 KiB = %s), baseline %s KiB: a program that only sets the TLS library up; ' \
    "$(median "$1" '$1 / $3')" "$(median "$1" '4400 / $3')" "$(median "$1" '3300 / $3')" "$(median "$1" '$3')"
  printf 'agent RSS %s KiB, p95 of the ratio %s, anonymous %s KiB (baseline %s KiB, moonshot 1024), binary %d KiB (baseline %d KiB), %d repeats\n' \
    "$(median "$1" '$1')" "$(p95 "$1" '$1 / $3')" "$(median "$1" '$2')" "$(median "$1" '$4')" $(($2 / 1024)) $(($3 / 1024)) \
    "$(count_of "$1")"
}

# resumed floor
figures_of_goal_10() {
  printf 'goal 10: ratio %s (target 2 s = %s, moonshot 0.5 s and 2 = %s), baseline %s ms: tasks and journal read once in order; ' \
    "$(median "$1" '$1 / $2')" "$(median "$1" '2000 / $2')" "$(median "$1" '500 / $2 + 2')" "$(median "$1" '$2')"
  printf '1,000 tasks in flight resumed in %s ms after a SIGKILL, p95 of the ratio %s, none lost, none twice, %d repeats\n' \
    "$(median "$1" '$1')" "$(p95 "$1" '$1 / $2')" "$(count_of "$1")"
}
