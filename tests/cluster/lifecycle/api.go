// Comes in: an identity. Goes out: answers of the API server to the few questions a start asks.
// Must not grow into a client: tests have kubectl and their own.
package lifecycle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	apiReadyLimit = 90 * time.Second
	answerLimit   = 64 << 20
)

type apiClient struct{ http *http.Client }

func (c *Cluster) client(user string) (*apiClient, error) {
	pair, err := tls.LoadX509KeyPair(c.certificate(user), c.key(user))
	if err != nil {
		return nil, fmt.Errorf("load the credentials of %s: %w", user, err)
	}
	authority, err := os.ReadFile(c.certificate("ca"))
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	// No proxy of the caller's: the address exists on this machine only.
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}
	return &apiClient{&http.Client{Transport: transport, Timeout: 2 * time.Second}}, nil
}

func (a *apiClient) fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	response, err := a.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", url, response.Status)
	}
	return body, nil
}

func (a *apiClient) waitReady(ctx context.Context) error {
	return waitUntil(ctx, "the API server", apiReadyLimit, func(ctx context.Context) error {
		_, err := a.fetch(ctx, apiURL()+"/readyz")
		return err
	})
}

type nodeList struct {
	Items []struct {
		Spec   struct{ Taints []json.RawMessage }
		Status struct {
			Conditions []struct{ Type, Status string }
		}
	}
}

// readyNodes counts the nodes that pods can be placed on: a node is tainted for a moment after it is Ready.
func readyNodes(list nodeList) int {
	count := 0
	for _, item := range list.Items {
		for _, condition := range item.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" && len(item.Spec.Taints) == 0 {
				count++
			}
		}
	}
	return count
}

func (a *apiClient) checkNodes(ctx context.Context, wanted int) error {
	body, err := a.fetch(ctx, apiURL()+"/api/v1/nodes")
	if err != nil {
		return err
	}
	var list nodeList
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("read the list of nodes: %w", err)
	}
	if ready := readyNodes(list); ready != wanted {
		return fmt.Errorf("%d of %d nodes are ready", ready, wanted)
	}
	return nil
}

// checkUsable tells whether a pod that is created now can run and find names.
func (a *apiClient) checkUsable(ctx context.Context, nodes int) error {
	_, account := a.fetch(ctx, apiURL()+"/api/v1/namespaces/default/serviceaccounts/default")
	_, dns := a.fetch(ctx, "http://"+net.JoinHostPort(hostAddress, dnsReadyPort)+"/ready")
	return errors.Join(account, dns, a.checkNodes(ctx, nodes))
}
