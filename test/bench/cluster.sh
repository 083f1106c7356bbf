# A Kubernetes cluster called bench, in the lab of a bench; sourced. Needs bin, kubectl (programs) and here (this folder).
state=$SLIPWAY_LAB
control=$state/control
export HOME=$state/home PKS_HOME=$state/home/.pks
# shellcheck source=test/lab/director.sh
. "$here/../lab/director.sh"

progress() { printf '         %s\n' "$*" >&2; }
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
pks() { "$bin/pks" "$@"; }
kube() { "$kubectl" --kubeconfig="$control/kubeconfig" --request-timeout=5s "$@"; }
on_host() { virsh --quiet --connect lxc:///system "$@" > /dev/null; }

# Nobody but the bench brings nodes back.
log_in() {
  PKS_USER_PASSWORD=$(cat "$control/pks-api/admin.password") pks login --api https://10.77.0.1:9021 --username admin \
    --ca-cert "$control/pks-api/ca.crt" > /dev/null
  director PUT /resurrection --header "Content-Type: application/json" --data '{"resurrection_paused":true}' > /dev/null
}

deployment_name() { echo "service-instance-$(pks cluster bench --json | jq -r .uuid)"; }

# As the administrator, as soon as there is one: the API gives no credentials before the order has succeeded.
write_kubeconfig() {
  local deployment name value='' folder=$control/admin
  deployment=$(deployment_name)
  until value=$(director GET "/v1/data?name=/slipway/$deployment/kubernetes_admin" 2> /dev/null); do sleep 0.2; done
  mkdir -p "$folder"
  (
    umask 077
    for name in ca certificate private_key; do jq -r ".data[0].value.$name" <<< "$value" > "$folder/$name"; done
    jq -n --arg folder "$folder" '{
      apiVersion: "v1", kind: "Config", "current-context": "bench",
      clusters: [{name: "bench", cluster: {server: "https://bench.lab:8443", "certificate-authority": ($folder + "/ca")}}],
      users: [{name: "admin", user: {"client-certificate": ($folder + "/certificate"), "client-key": ($folder + "/private_key")}}],
      contexts: [{name: "bench", context: {cluster: "bench", user: "admin"}}]
    }' > "$control/kubeconfig"
  )
  # The network's first address is the first master's.
  until value=$(director GET "/deployments/$deployment/instances" | jq -er '.[] | select(.job == "master") | .ips[0]'); do sleep 0.2; done
  echo "$value bench.lab" > "$state/dns/bench"
}

# All commands by which somebody waits fail where a minute would do and ten have passed.
wait_for() {
  local deadline=$((SECONDS + 600))
  until "$@" 2> /dev/null; do
    ((SECONDS < deadline)) || {
      echo "bench: not within ten minutes: $*" >&2
      return 1
    }
    sleep 0.1
  done
}
