# What a lab could leave behind, noted before it and looked for after it; sourced.

# Names, not times: others may use the host's own libvirt meanwhile.
host_files() {
  { find /run/libvirt /run/dnsmasq.pid /run/libvirtd.pid /run/virtlogd.pid /var/lib/libvirt /var/log/libvirt \
    /var/cache/libvirt /etc/libvirt /etc/sudoers.d /etc/passwd /var/lib/slipway 2>/dev/null || true; } | LC_ALL=C sort
}

record_host() {
  mkdir -p "${1%/*}"
  host_files > "$1.files"
}

record_namespaces() {
  readlink "/proc/$2/ns/"{net,mnt,pid,uts,ipc,cgroup} | sort -u > "$1.namespaces"
}

# Each prints what it finds, a line each, and nothing where all is well.
left_processes() {
  local folder
  for folder in /proc/[0-9]*; do
    if grep --quiet --fixed-strings "/$1" "$folder/cgroup" 2>/dev/null; then
      :
    elif grep --quiet --fixed-strings /slipway-lab- "$folder/cgroup" 2>/dev/null; then
      # The kernel reuses numbers of namespaces; this process has another lab.
      continue
    elif ! readlink "$folder"/ns/{net,mnt,pid} 2>/dev/null | grep --fixed-strings --line-regexp --file="$2" > /dev/null; then
      continue
    fi
    echo "process ${folder#/proc/}: $(tr '\0' ' ' < "$folder/cmdline" 2>/dev/null)"
  done
}

left_files() {
  [ ! -e "$1" ] || echo "folder $1"
  host_files | LC_ALL=C comm -23 - "$2" | sed 's/^/file /'
  ! grep '^slipway:' /etc/passwd || echo "account slipway on the host"
}

left_in_kernel() {
  grep --fixed-strings " $1/" /proc/self/mountinfo | sed 's/^/mount /' || true
  losetup --list --noheadings --raw --output NAME,BACK-FILE 2>/dev/null |
    grep --fixed-strings " $1/" | sed 's/^/loop device /' || true
  ! ip link show lab0 > /dev/null 2>&1 || echo "bridge lab0 on the host"
  local folder
  while read -r folder; do
    [ ! -d "$folder" ] || echo "control group $folder"
  done < <(lab_cgroup_folders "$2")
}

# check_clean STATE LAB_ID TRACE
check_clean() {
  local found
  touch "$3.files" "$3.namespaces"
  # A namespace of the host's own in the list would blame every process.
  readlink /proc/self/ns/* | LC_ALL=C sort -u | LC_ALL=C comm -13 - "$3.namespaces" > "$3.foreign"
  found=$(
    left_processes "$2" "$3.foreign"
    [ ! -s "$3.files" ] || left_files "$1" "$3.files"
    left_in_kernel "$1" "$2"
  )
  rm -f "$3.foreign"
  if [ -n "$found" ]; then
    echo "the lab left behind:"
    sed 's/^/  /' <<< "$found"
    return 1
  fi
  echo "nothing of the lab is left"
}
