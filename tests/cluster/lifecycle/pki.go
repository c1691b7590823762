// Comes in: the nodes of a cluster. Goes out: one authority, and a key and certificate for each party.
// Must not reach the network or keep an older authority: a cluster's keys live as long as its state folder.
package lifecycle

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

const certificateLife = 365 * 24 * time.Hour

// identity is who a certificate says its holder is.
type identity struct {
	file      string
	name      string
	group     string
	hosts     []string
	addresses []string
}

func identities(nodes []node) []identity {
	all := []identity{
		{
			file: "apiserver", name: "kube-apiserver",
			hosts:     []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
			addresses: []string{"127.0.0.1", apiService, hostAddress},
		},
		{file: "admin", name: "admin", group: "system:masters"},
		{file: "kubelet-client", name: "kube-apiserver-kubelet-client", group: "system:masters"},
		{file: "dns", name: "dns", group: "system:masters"},
		{file: "controllers", name: "system:kube-controller-manager"},
		{file: "scheduler", name: "system:kube-scheduler"},
		{file: "proxy", name: "system:kube-proxy"},
	}
	for _, n := range nodes {
		all = append(all, identity{
			file: n.name(), name: "system:node:" + n.name(), group: "system:nodes",
			hosts: []string{n.name()}, addresses: []string{n.address()},
		})
	}
	return all
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func (c *Cluster) writePKI() error {
	ca, err := c.writeAuthority()
	if err != nil {
		return err
	}
	for serial, id := range identities(c.nodes) {
		certificate := id.certificate(int64(serial + 2))
		if _, err := c.sign(id.file, certificate, ca); err != nil {
			return err
		}
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	return c.writeKey("service-accounts", key)
}

func (c *Cluster) writeAuthority() (authority, error) {
	template := certificateTemplate(1)
	template.Subject = pkix.Name{CommonName: "test-cluster"}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage |= x509.KeyUsageCertSign
	return c.sign("ca", template, authority{})
}

func (id identity) certificate(serial int64) *x509.Certificate {
	template := certificateTemplate(serial)
	template.Subject = pkix.Name{CommonName: id.name}
	if id.group != "" {
		template.Subject.Organization = []string{id.group}
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(id.hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	template.DNSNames = id.hosts
	for _, address := range id.addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	return template
}

func certificateTemplate(serial int64) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(certificateLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

// sign writes the key and certificate under name. An authority without a certificate means self-signed.
func (c *Cluster) sign(name string, template *x509.Certificate, by authority) (authority, error) {
	key, err := newKey()
	if err != nil {
		return authority{}, err
	}
	if by.certificate == nil {
		by = authority{certificate: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		return authority{}, fmt.Errorf("sign the certificate %s: %w", name, err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		return authority{}, fmt.Errorf("parse the certificate %s: %w", name, err)
	}
	body := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := writeFile(c.certificate(name), body); err != nil {
		return authority{}, err
	}
	return authority{certificate: signed, key: key}, c.writeKey(name, key)
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate a key: %w", err)
	}
	return key, nil
}

// writeKey uses the SEC 1 form: the API server reads public keys out of no other private form.
func (c *Cluster) writeKey(name string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode the key %s: %w", name, err)
	}
	return writeFile(c.key(name), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}
