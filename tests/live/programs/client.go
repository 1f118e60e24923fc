// Go: a request in each version, to each port. Arguments: an address and ports; a line for each handshake.
package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"time"
)

func ask(url string, version uint16) string {
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, ForceAttemptHTTP2: version == 0}
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return err.Error()
	}
	answer.Body.Close()
	if answer.StatusCode != 200 {
		return answer.Status
	}
	return "ok"
}

func main() {
	names := []string{"default", "1.0", "1.1", "1.2", "1.3"}
	versions := []uint16{0, tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13}
	for _, port := range os.Args[2:] {
		for place, version := range versions {
			fmt.Println(port, names[place], ask("https://"+os.Args[1]+":"+port+"/", version))
		}
	}
}
