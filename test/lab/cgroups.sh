# Control groups of a lab; sourced. A lab has one group in every hierarchy, and
# everything that runs in it stays below: its cgroup namespace begins there.
# Nothing here ever removes or unmounts another group.

# Mount points of the host's hierarchies: "<type> <mount point> <options>" a line.
host_hierarchies() {
  local point type options rest
  while read -r _ _ _ _ point rest; do
    rest=${rest#*- }
    read -r type _ options <<< "$rest"
    case $type in
      cgroup | cgroup2) echo "$type $point $options" ;;
    esac
  done < /proc/self/mountinfo
}

# A v1 or hybrid host has v1 controllers; there the unified tree is left alone.
host_uses_v1() {
  # Not grep -q: it would end the writer early, which pipefail calls a failure.
  host_hierarchies | grep '^cgroup ' > /dev/null
}

# Folders of lab $1 in all hierarchies, whether they exist or not.
lab_cgroup_folders() {
  local type point _options wanted=cgroup2
  ! host_uses_v1 || wanted=cgroup
  while read -r type point _options; do
    [ "$type" != "$wanted" ] || echo "$point/$1"
  done < <(host_hierarchies)
}

# Makes the groups of lab $1 and puts the calling shell into them.
enter_lab_cgroups() {
  local folder file
  while read -r folder; do
    mkdir -p "$folder"
    for file in cpuset.cpus cpuset.mems; do
      [ ! -e "$folder/$file" ] || [ -n "$(cat "$folder/$file")" ] || cat "${folder%/*}/$file" > "$folder/$file"
    done
    echo "$BASHPID" > "$folder/cgroup.procs"
  done < <(lab_cgroup_folders "$1")
}

# Puts the calling shell into lab $1's groups, if it has any. In cgroup2 a
# group with processes may not hand controllers down, so they live in a leaf.
join_lab_cgroups() {
  local folder
  while read -r folder; do
    [ ! -d "$folder/host" ] || folder=$folder/host
    [ ! -d "$folder" ] || echo "$BASHPID" > "$folder/cgroup.procs"
  done < <(lab_cgroup_folders "$1")
}

# Moves what start-up left beside the leaf into it; only then may the lab's
# group hand its controllers to the nodes' groups.
settle_lab_cgroups() {
  local folder pid controller
  while read -r folder; do
    [ -d "$folder/host" ] || continue
    while read -r pid; do
      echo "$pid" > "$folder/host/cgroup.procs"
    done < "$folder/cgroup.procs"
    for controller in $(cat "$folder/cgroup.controllers"); do
      echo "+$controller" > "$folder/cgroup.subtree_control"
    done
  done < <(lab_cgroup_folders "$1")
}

remove_lab_cgroups() {
  local folder tries
  while read -r folder; do
    for ((tries = 0; tries < 50; tries++)); do
      [ -d "$folder" ] || break
      find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || true
      [ ! -d "$folder" ] || sleep 0.1
    done
    [ ! -d "$folder" ] || echo "lab: control group $folder is still in use" >&2
  done < <(lab_cgroup_folders "$1")
}
