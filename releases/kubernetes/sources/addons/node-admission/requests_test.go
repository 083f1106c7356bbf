package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	certificates "k8s.io/api/certificates/v1"
)

var known = map[string]instance{
	"worker-0": {id: "id-0", node: "worker-0", ip: "10.77.0.11"},
	"worker-1": {id: "id-1", node: "worker-1", ip: "10.77.0.12"},
}

type asked struct {
	signer, user, name, organization string
	names, addresses                 []string
	usages                           []certificates.KeyUsage
}

func request(t *testing.T, a asked) *certificates.CertificateSigningRequest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: a.name, Organization: []string{a.organization}},
		DNSNames: a.names,
	}
	for _, address := range a.addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return &certificates.CertificateSigningRequest{Spec: certificates.CertificateSigningRequestSpec{
		SignerName: a.signer, Username: a.user, Usages: a.usages,
		Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
	}}
}

func client() asked {
	return asked{
		signer: certificates.KubeAPIServerClientKubeletSignerName, user: "system:bootstrap:" + known["worker-0"].tokenID(),
		name: "system:node:worker-0", organization: "system:nodes",
		usages: []certificates.KeyUsage{certificates.UsageDigitalSignature, certificates.UsageClientAuth},
	}
}

func serving() asked {
	return asked{
		signer: certificates.KubeletServingSignerName, user: "system:node:worker-0",
		name: "system:node:worker-0", organization: "system:nodes",
		names: []string{"worker-0"}, addresses: []string{"10.77.0.11"},
		usages: []certificates.KeyUsage{certificates.UsageDigitalSignature, certificates.UsageServerAuth},
	}
}

func changed(a asked, change func(*asked)) asked {
	change(&a)
	return a
}

func TestWhatIsANodesOwnIsApproved(t *testing.T) {
	for name, a := range map[string]asked{
		"a first certificate, by its token": client(),
		"the next one, by the first":        changed(client(), func(a *asked) { a.user = "system:node:worker-0" }),
		"a serving certificate":             serving(),
	} {
		if ours, err := judge(request(t, a), known); !ours || err != nil {
			t.Errorf("%s: ours %v, %v", name, ours, err)
		}
	}
}

func TestWhatIsAnothersIsNot(t *testing.T) {
	for why, a := range map[string]asked{
		"asks for the certificate of node worker-0": changed(client(), func(a *asked) { a.user = "system:bootstrap:" + known["worker-1"].tokenID() }),
		"is no instance":                          changed(client(), func(a *asked) { a.name = "system:node:worker-2" }),
		"no instance of this deployment":          changed(client(), func(a *asked) { a.organization = "system:masters" }),
		"no alternative names":                    changed(client(), func(a *asked) { a.names = []string{"kubernetes"} }),
		`usage "server auth" is not allowed`:      changed(client(), func(a *asked) { a.usages = append(a.usages, certificates.UsageServerAuth) }),
		`usage "client auth" is missing`:          changed(client(), func(a *asked) { a.usages = a.usages[:1] }),
		"serving certificate of node worker-0":    changed(serving(), func(a *asked) { a.user = "system:node:worker-1" }),
		"is not the node's, which has 10.77.0.11": changed(serving(), func(a *asked) { a.addresses = []string{"10.77.0.12"} }),
		`the name "kubernetes" is not the node's`: changed(serving(), func(a *asked) { a.names = []string{"kubernetes"} }),
	} {
		ours, err := judge(request(t, a), known)
		if !ours || err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("expected %q: ours %v, %v", why, ours, err)
		}
	}
}

func TestOtherSignersAreNobodysHere(t *testing.T) {
	a := client()
	a.signer = certificates.KubeAPIServerClientSignerName
	if ours, _ := judge(request(t, a), known); ours {
		t.Error("a request to another signer was judged")
	}
}

func TestInstancesAreThoseOfOneGroupOfOneDeployment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "records.json")
	text := `{"record_keys": ["id", "instance_group", "deployment", "ip", "instance_index"], "record_infos": [
		["a", "worker", "mine", "10.0.0.1", 0], ["b", "master", "mine", "10.0.0.2", 0],
		["c", "worker", "theirs", "10.0.0.3", 0], ["d", "worker", "mine", "10.0.0.4", 3], ["e", "worker"]]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := readInstances(file, "mine", "worker")
	if err != nil || len(found) != 2 || found["worker-0"].id != "a" || found["worker-3"].ip != "10.0.0.4" {
		t.Errorf("found %v, %v", found, err)
	}
}

// The other half is in the job kubelet's bootstrap-kubeconfig: both must give the same.
func TestATokenIsWhatTheTemplateMakes(t *testing.T) {
	one := instance{id: "281238c9-18c4-4907-99a3-f74d346160fa"}
	if id, secret := one.tokenID(), one.tokenSecret([]byte("secret")); len(id) != 6 || len(secret) != 16 {
		t.Errorf("token %s.%s has not the length of tokens", id, secret)
	}
}
