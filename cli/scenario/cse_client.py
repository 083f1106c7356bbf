"""A tenant's day by the Python client of the PKS 1.7 API that VMware's Container Service Extension carries, generated from
the product's own description: it refuses answers whose enumerations or types it does not know.

    cse_client.py API-URL CA-FILE < ACCESS-TOKEN
"""
import sys
import time

from container_service_extension import pksclient as client
from container_service_extension.pksclient.api.cluster_api import ClusterApi
from container_service_extension.pksclient.api.plans_api import PlansApi
from container_service_extension.pksclient.api.profile_api import ProfileApi
from container_service_extension.pksclient.api.quota_api import QuotaApi
from container_service_extension.pksclient.api.task_api import TaskApi
from container_service_extension.pksclient.api.upgradable_api import UpgradableApi
from container_service_extension.pksclient.api.usage_api import UsageApi
from container_service_extension.pksclient.api.users_api import UsersApi
from container_service_extension.pksclient.api_client import ApiClient
from container_service_extension.pksclient.configuration import Configuration
from container_service_extension.pksclient.models.kubernetes_component_customization import (
    KubernetesComponentCustomization,
)
from container_service_extension.pksclient.models.network_profile_request import NetworkProfileRequest
from container_service_extension.pksclient.rest import ApiException


def connect(url, ca_file, token):
    configuration = Configuration()
    configuration.host = url + "/v1"
    configuration.ssl_ca_cert = ca_file
    configuration.access_token = token
    return ApiClient(configuration)


def settled(clusters, name, action):
    """As the Terraform forks do: the action has flipped at once, then it is polled to its end."""
    cluster = clusters.get_cluster(name)
    assert cluster.last_action == action, (cluster.last_action, action)
    for _ in range(600):
        if cluster.last_action_state != "in progress":
            return cluster
        time.sleep(0.1)
        cluster = clusters.get_cluster(name)
    raise AssertionError(action + " does not end")


def live(api):
    clusters, tasks = ClusterApi(api), TaskApi(api)
    plan = next(plan for plan in PlansApi(api).list_plans() if plan.name == "kube")
    assert plan.worker_instances == 2 and plan.master_instances == 1 and plan.allow_privileged_containers is False

    parameters = client.ClusterParameters(
        kubernetes_master_host="demo.lab",
        kubernetes_master_port=8443,
        kubernetes_worker_instances=2,
        cluster_tags=[client.ClusterTag(name="team", value="blue")],
    )
    made = clusters.add_cluster(client.ClusterRequest(name="demo", plan_name="kube", parameters=parameters))
    assert made.last_action == "CREATE" and made.kubernetes_master_ips == ["In Progress"]
    made = settled(clusters, "demo", "CREATE")
    assert made.last_action_state == "succeeded", made.last_action_description
    assert made.kubernetes_master_ips == ["10.0.0.10"] and made.parameters.kubernetes_master_port == 8443
    assert [cluster.name for cluster in clusters.list_clusters()] == ["demo"]

    update = client.UpdateClusterParameters(kubernetes_worker_instances=3, kubelet_drain_force="true")
    clusters.update_cluster("demo", body=update)
    changed = settled(clusters, "demo", "UPDATE")
    assert changed.parameters.kubernetes_worker_instances == 3
    details = clusters.get_cluster_details("demo")
    assert details.parameters.kubernetes_setting_cluster_details.kubelet_drain_force == "true"
    assert details.parameters.kubernetes_setting_plan_details.kubelet_drain_timeout == "20"
    assert details.parameters.cluster_tags[0].value == "blue"
    assert UsersApi(api).create_user("demo")["kind"] == "Config"

    task = clusters.upgrade_clusters(client.UpgradeClustersRequest(clusters=["demo"], canaries=[], max_in_flight=1))
    while tasks.get_task(task.uuid).status == "in progress":
        time.sleep(0.1)
    assert tasks.list_tasks()[0].clusters[0].cluster_name == "demo"

    clusters.delete_cluster("demo")
    for _ in range(600):
        try:
            clusters.get_cluster("demo")
        except ApiException as gone:
            assert gone.status == 404 and b"not found" in gone.body.encode()
            return
        time.sleep(0.1)
    raise AssertionError("the deletion does not end")


def govern(api):
    profiles, quotas = ProfileApi(api), QuotaApi(api)
    profiles.add_network_profile(NetworkProfileRequest(name="wide", parameters='{"pod_network":"10.1.0.0/16"}'))
    assert profiles.list_network_profiles()[0].parameters == '{"pod_network":"10.1.0.0/16"}'
    zones = client.ComputeProfileParameters(azs=[], worker_azs=["z1"], master_azs=["z1"])
    profiles.add_compute_profile(client.ComputeProfileRequest(name="near", parameters=zones))
    assert profiles.get_compute_profile("near").name == "near"
    pods = KubernetesComponentCustomization(component="kubelet", arguments={"max-pods": "50"})
    profiles.add_kubernetes_profile(client.KubernetesProfileRequest(name="pods", customizations=[pods]))
    assert profiles.get_kubernetes_profile("pods").customizations[0].arguments == {"max-pods": "50"}
    for kind in ("network_profile", "compute_profile", "kubernetes_profile"):
        getattr(profiles, "delete_" + kind)({"n": "wide", "c": "near", "k": "pods"}[kind[0]])

    quotas.add_quota(client.Quota(owner="alana", limit=client.QuotaLimit(cpu=8, memory=16.5, cluster=2)))
    assert quotas.get_quota("alana").limit.memory == 16.5 and len(quotas.list_quotas()) == 1
    quotas.delete_quota("alana")
    assert UsageApi(api).list_usages() == []
    assert UpgradableApi(api).check_upgradable()


if __name__ == "__main__":
    connection = connect(sys.argv[1], sys.argv[2], sys.stdin.readline().strip())
    live(connection)
    govern(connection)
    print("the client understood everything")
