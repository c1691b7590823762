// Comes in: a condition. Goes out: nil once it holds, or why it did not in time.
// Must not wait without a bound.
package lifecycle

import (
	"context"
	"fmt"
	"time"
)

const pollInterval = 50 * time.Millisecond

// waitUntil checks at once and then at intervals. It ends early when ctx does, with the cause of that.
func waitUntil(ctx context.Context, what string, limit time.Duration, check func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := check(bounded)
		if err == nil {
			return nil
		}
		select {
		case <-bounded.Done():
		case <-time.After(pollInterval):
			continue
		}
		if ctx.Err() != nil {
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		}
		return fmt.Errorf("wait for %s: not within %s: %w", what, limit, err)
	}
}
