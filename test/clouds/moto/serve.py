"""moto as an AWS account with a network, users and rights, for tests of the AWS CPI.

    serve.py POLICY WORLD

Serves on a free port of the loopback, makes the account's things, writes them with the users' keys to the file
WORLD and serves until it is told to stop. POLICY is the IAM policy that the user and the role of the CPI get; from
then on every request's signature is checked with botocore's own signer, and its action against that policy. The
check is made on the body as it came: moto's would be made on what it has parsed.

Beyond moto, and as EC2 documents it: a call with a ClientToken seen before gets the first one's answer again, and is
refused when its parameters differ; an address in use, a volume attached already, a device taken and a volume of
another zone are refused, and so is an image's name used twice; ending an instance twice is no error, and what it
leaves of its interfaces is free. moto has none of this.
"""
import copy
import io
import json
import os
import signal
import sys
import threading
import urllib.parse

import boto3
import botocore.session
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance
from moto.iam.access_control import IAMRequestBase
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

REGION = "eu-central-1"
ANSWERS_AGAIN = {"RunInstances", "CreateVolume", "CreateNetworkInterface", "CopyImage", "StartSnapshot"}


def ec2_error(start_response, code, message):
    body = f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>0</RequestID></Response>"
    start_response("400 Bad Request", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
    return [body.encode()]


current = threading.local()
parsed_request = IAMRequestBase._create_aws_request


def request_as_it_came(self):
    request = parsed_request(self)
    request.data = current.body
    return request


IAMRequestBase._create_aws_request = request_as_it_came


end_running_instance = Instance.terminate


def end_instance(self):
    if self._state.name == "terminated":
        return copy.copy(self._state)
    former = end_running_instance(self)
    for interface in list(self.nics.values()):
        if interface.id in self.ec2_backend.enis:
            interface.instance = interface.attachment_id = None
            interface.status = "available"
    return former


Instance.terminate = end_instance


def why_not_attach(form):
    """What EC2 says to an AttachVolume that moto would let pass."""
    backend = ec2_backends[DEFAULT_ACCOUNT_ID][REGION]
    volume, instance = backend.volumes.get(form["VolumeId"]), backend.get_instance_by_id(form["InstanceId"])
    if not volume or not instance:
        return None  # moto says what is to be said
    if volume.attachment:
        return "VolumeInUse", f"{volume.id} is already attached to an instance"
    if form["Device"] in instance.block_device_mapping:
        return "InvalidParameterValue", f"Invalid value '{form['Device']}' for unixDevice. Attachment point is already in use"
    if volume.zone.name != instance.placement.zone:
        return "InvalidVolume.ZoneMismatch", f"The volume '{volume.id}' is not in the same availability zone as instance '{instance.id}'"
    return None


def name_in_use(form):
    images = list(ec2_backends[DEFAULT_ACCOUNT_ID][REGION].amis.values())
    return next((image.id for image in images if image.name == form.get("Name")), None)


def address_in_use(form):
    wanted = {value for name, value in form.items() if name.endswith("PrivateIpAddress")}
    enis = list(ec2_backends[DEFAULT_ACCOUNT_ID][REGION].enis.values())
    return next((eni.private_ip_address for eni in enis if eni.private_ip_address in wanted), None)


class Documented:
    """What EC2 promises and moto leaves out, around moto's application."""

    def __init__(self, app):
        self.app = app
        self.lock = threading.Lock()
        self.answers = {}

    def __call__(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        current.body = body
        form = {}
        if "form-urlencoded" in environ.get("CONTENT_TYPE", ""):
            form = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        elif environ["PATH_INFO"] == "/snapshots":
            form = {"Action": "StartSnapshot", "ClientToken": json.loads(body).get("ClientToken"), "Body": body.decode()}
        if form.get("Action") == "AttachVolume":
            with self.lock:
                refusal = why_not_attach(form)
                return ec2_error(start_response, *refusal) if refusal else list(self.app(environ, start_response))
        if form.get("Action") == "RegisterImage":
            with self.lock:
                known = name_in_use(form)
                if known:
                    return ec2_error(start_response, "InvalidAMIName.Duplicate", f"AMI name {form['Name']} is already in use by AMI {known}")
                return list(self.app(environ, start_response))
        if form.get("Action") not in ANSWERS_AGAIN:
            return self.app(environ, start_response)
        # One at a time: two calls with one token, at once, are one call.
        with self.lock:
            taken = address_in_use(form)
            key = (form["Action"], form.get("ClientToken"))
            if key[1] and key in self.answers:
                known, status, headers, content = self.answers[key]
                if known != form:
                    return ec2_error(start_response, "IdempotentParameterMismatch", "the token was used with other parameters")
                start_response(status, headers)
                return [content]
            if taken:
                return ec2_error(start_response, "InvalidIPAddress.InUse", f"Address {taken} is in use.")
            told = {}

            def remember(status, headers, exc_info=None):
                told.update(status=status, headers=headers)

            content = b"".join(self.app(environ, remember))
            if told["status"].startswith("20"):
                self.answers[key] = (form, told["status"], told["headers"], content)
            start_response(told["status"], told["headers"])
            return [content]


def make_account(url, policy):
    session = boto3.Session(aws_access_key_id="setup", aws_secret_access_key="setup", region_name=REGION)
    ec2, iam, elb, elbv2, kms = (session.client(name, endpoint_url=url) for name in ("ec2", "iam", "elb", "elbv2", "kms"))

    def user(name, document):
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}

    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    only_sts = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}
    role = iam.create_role(RoleName="cpi", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    iam.put_role_policy(RoleName="cpi", PolicyName="cpi", PolicyDocument=json.dumps(policy))
    iam.create_instance_profile(InstanceProfileName="nodes")

    vpc = ec2.create_vpc(CidrBlock="10.60.0.0/16")["Vpc"]["VpcId"]
    subnet, other = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=REGION + zone)["Subnet"]["SubnetId"]
        for cidr, zone in (("10.60.0.0/20", "a"), ("10.60.16.0/20", "b")))
    group = ec2.create_security_group(GroupName="nodes", Description="nodes", VpcId=vpc)["GroupId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    elastic_ip = ec2.allocate_address(Domain="vpc")["PublicIp"]
    ec2.create_key_pair(KeyName="ops")
    elb.create_load_balancer(LoadBalancerName="classic", AvailabilityZones=[REGION + "a"],
                             Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 443, "InstancePort": 443}])
    target_group = elbv2.create_target_group(Name="targets", Protocol="TCP", Port=443, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    ami = next(i["ImageId"] for i in ec2.describe_images()["Images"] if i["Architecture"] == "x86_64" and i.get("Platform") != "windows")
    return {
        "endpoint": url, "region": REGION, "zone": REGION + "a", "subnet": subnet, "other_subnet": other, "security_group": group,
        "security_group_name": "nodes", "route_table": table, "elastic_ip": elastic_ip, "key_name": "ops",
        "elb": "classic", "target_group": "targets", "target_group_arn": target_group, "ami": ami, "instance_profile": "nodes",
        "kms_key_arn": kms.create_key()["KeyMetadata"]["Arn"], "role_arn": role["Arn"],
        "cpi": user("cpi", policy), "observer": user("observer", everything), "assumer": user("assumer", only_sts),
    }


def check_from_now_on(url):
    session = botocore.session.get_session()
    request = botocore.awsrequest.AWSRequest("POST", url + "/moto-api/reset-auth", data=b"0")
    http = botocore.httpsession.URLLib3Session()
    assert http.send(request.prepare()).status_code == 200, session


def main():
    policy_file, world_file = sys.argv[1:]
    with open(policy_file, encoding="utf-8") as file:
        policy = json.load(file)
    dispatcher = DomainDispatcherApplication(create_backend_app)
    dispatcher.debug = True  # what goes wrong in moto is told in its log
    app = Documented(dispatcher)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    url = f"http://127.0.0.1:{server.server_port}"
    os.environ["MOTO_PORT"] = str(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    world = make_account(url, policy)
    check_from_now_on(url)
    with open(world_file + ".new", "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        json.dump(world, file)
    os.rename(world_file + ".new", world_file)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
