// Comes in: a failure and the component behind it. Goes out: the failure with the end of that component's log.
// Must not fail itself: an unreadable log is an empty one.
package lifecycle

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

const (
	tailLines = 25
	tailBytes = 64 << 10
)

// blamed is a failure that already carries a log.
type blamed struct {
	err error
	log string
}

func (b blamed) Error() string { return b.err.Error() + "\n" + b.log }
func (b blamed) Unwrap() error { return b.err }

// blame leaves a failure as it is when it already carries a log: the first one is the nearest to the cause.
func (c *Cluster) blame(component string, err error) error {
	var already blamed
	if err == nil || errors.As(err, &already) {
		return err
	}
	path := c.logPath(component)
	return blamed{err, fmt.Sprintf("--- the end of %s ---\n%s", path, logTail(path))}
}

func logTail(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return ""
	}
	size := min(info.Size(), tailBytes)
	body := make([]byte, size)
	read, _ := file.ReadAt(body, info.Size()-size)
	return lastLines(string(body[:read]), tailLines)
}

func lastLines(text string, count int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
