# Names of a lab; sourced. Everything follows from the checkout and the name.
#
#   build/lab/          state folder of the lab without a name, build/lab-NAME/ of others
#     holder            host pid and start time of process 1 of the lab
#     ready             exists once the lab can be used
#     dns/              hosts files that dnsmasq serves; the director writes here
#     cpi/libvirt.yml   default configuration of the libvirt CPI, root's alone
#     home/             home of user slipway
#     etc/, lib/, log/, cache/   what the lab sees below /etc and /var
#   build/cache/LAB_ID.*  lock, and what check-clean compares with; they outlive the lab
set_lab_paths() {
  local checkout=$1 name=$2
  [[ $name =~ ^[a-z0-9-]{0,20}$ ]] || {
    echo "lab: name '$name' is not made of a-z, 0-9 and -, at most 20" >&2
    exit 2
  }
  state=$checkout/build/lab${name:+-$name}
  # Control groups are the kernel's: their name must tell checkouts apart.
  # shellcheck disable=SC2034
  lab_id=slipway-lab-$(printf %s "$state" | sha256sum | cut -c1-12)
  # shellcheck disable=SC2034
  trace=$checkout/build/cache/$lab_id
}
