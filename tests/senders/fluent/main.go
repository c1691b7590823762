// Sends numbered rows through Fluent's own library for Go, and prints the number of each that was acknowledged.
//
// Comes in: an address, a run and a range of numbers. Goes out: the rows as tests/senders/README.md says, and exit code
// 0 only when every one of them was acknowledged. Must not send by any other way than the library.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-logger-golang/fluent"
)

func main() {
	address := flag.String("address", "", "host:port")
	network := flag.String("network", "tcp", "tcp or tls")
	run := flag.String("run-id", "", "the run's name")
	first := flag.Int64("first", 0, "the number of the first row")
	count := flag.Int64("count", 0, "how many rows")
	start := flag.Int64("start-nanos", 0, "the time of row 0")
	workers := flag.Int("workers", 8, "connections, each with one row on its way")
	flag.Parse()

	var next, failed atomic.Int64
	next.Store(*first)
	var all sync.WaitGroup
	for range *workers {
		all.Go(func() {
			logger, err := connect(*address, *network)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				failed.Add(1)
				return
			}
			defer logger.Close()
			for row := next.Add(1) - 1; row < *first+*count; row = next.Add(1) - 1 {
				at := time.Unix(0, *start+row*1_000_001)
				if err := logger.PostWithTime("row", at, record(*run, row)); err != nil {
					fmt.Fprintln(os.Stderr, row, err)
					failed.Add(1)
					continue
				}
				// The library's own complaints end in no line.
				fmt.Printf("\n%d\n", row)
			}
		})
	}
	all.Wait()
	if failed.Load() > 0 {
		os.Exit(1)
	}
}

func connect(address, network string) (*fluent.Fluent, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	return fluent.New(fluent.Config{
		FluentHost: host, FluentPort: number, FluentNetwork: network,
		TagPrefix: "senders", SubSecondPrecision: true, RequestAck: true,
		RetryWait: 100, MaxRetryWait: 1000, MaxRetry: 60,
	})
}

func record(run string, row int64) map[string]any {
	return map[string]any{
		"message": fmt.Sprintf("row %d of %s", row, run), "run.id": run, "row.id": strconv.FormatInt(row, 10),
		"row.number": row, "row.half": float64(row)/2 + 0.25, "row.odd": row%2 == 1, "row.tags": []string{"a", "b"},
	}
}
