package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"slices"

	certificates "k8s.io/api/certificates/v1"
)

// judge says whether a certificate may be signed: a nil error is yes. Other signers' requests
// are nobody's here: `ours` is false then.
func judge(request *certificates.CertificateSigningRequest, instances map[string]instance) (ours bool, err error) {
	signer := request.Spec.SignerName
	if signer != certificates.KubeAPIServerClientKubeletSignerName && signer != certificates.KubeletServingSignerName {
		return false, nil
	}
	block, _ := pem.Decode(request.Spec.Request)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return true, fmt.Errorf("is no certificate request in PEM")
	}
	wanted, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return true, err
	}
	node, found := subjectNode(wanted, instances)
	if !found {
		return true, fmt.Errorf("is for %q, which is no instance of this deployment", wanted.Subject)
	}
	if signer == certificates.KubeletServingSignerName {
		return true, judgeServing(request, wanted, node)
	}
	return true, judgeClient(request, wanted, node)
}

func subjectNode(wanted *x509.CertificateRequest, instances map[string]instance) (instance, bool) {
	if !slices.Equal(wanted.Subject.Organization, []string{"system:nodes"}) {
		return instance{}, false
	}
	for _, one := range instances {
		if wanted.Subject.CommonName == "system:node:"+one.node {
			return one, true
		}
	}
	return instance{}, false
}

// A node gets its first certificate for its own token, the next ones for the one before.
func judgeClient(request *certificates.CertificateSigningRequest, wanted *x509.CertificateRequest, node instance) error {
	if user := request.Spec.Username; user != "system:bootstrap:"+node.tokenID() && user != "system:node:"+node.node {
		return fmt.Errorf("%q asks for the certificate of node %s", user, node.node)
	}
	if len(wanted.DNSNames)+len(wanted.IPAddresses)+len(wanted.EmailAddresses)+len(wanted.URIs) != 0 {
		return fmt.Errorf("a client's certificate has no alternative names")
	}
	return judgeUsages(request, certificates.UsageClientAuth)
}

func judgeServing(request *certificates.CertificateSigningRequest, wanted *x509.CertificateRequest, node instance) error {
	if user := request.Spec.Username; user != "system:node:"+node.node {
		return fmt.Errorf("%q asks for the serving certificate of node %s", user, node.node)
	}
	if len(wanted.EmailAddresses)+len(wanted.URIs) != 0 {
		return fmt.Errorf("names other than host names and addresses are not allowed")
	}
	for _, name := range wanted.DNSNames {
		if name != node.node {
			return fmt.Errorf("the name %q is not the node's", name)
		}
	}
	for _, address := range wanted.IPAddresses {
		if !address.Equal(net.ParseIP(node.ip)) {
			return fmt.Errorf("the address %s is not the node's, which has %s", address, node.ip)
		}
	}
	return judgeUsages(request, certificates.UsageServerAuth)
}

func judgeUsages(request *certificates.CertificateSigningRequest, purpose certificates.KeyUsage) error {
	allowed := []certificates.KeyUsage{certificates.UsageDigitalSignature, certificates.UsageKeyEncipherment, purpose}
	for _, usage := range request.Spec.Usages {
		if !slices.Contains(allowed, usage) {
			return fmt.Errorf("the usage %q is not allowed", usage)
		}
	}
	if !slices.Contains(request.Spec.Usages, purpose) {
		return fmt.Errorf("the usage %q is missing", purpose)
	}
	return nil
}
