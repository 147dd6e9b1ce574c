package logs

import (
	"context"
	"log/slog"
	"time"
)

// Serving tells the log when ctx ends, and why: as a rule which signal came. The
// function that it returns is called when everything has stopped, with the error
// of the server if that is why it stopped; it tells the log how long that took.
func Serving(ctx context.Context, log *slog.Logger) (stopped func(error)) {
	began := make(chan time.Time, 1)
	told := context.AfterFunc(ctx, func() {
		began <- time.Now()
		log.Info("stopping", "why", context.Cause(ctx).Error())
	})
	return func(err error) {
		if told() { // ctx has not ended
			log.Error("stopped", "why", err)
			return
		}
		took := time.Since(<-began)
		if err != nil {
			log.Error("stopped", "why", context.Cause(ctx).Error(), "took", took, "error", err)
			return
		}
		log.Info("stopped", "why", context.Cause(ctx).Error(), "took", took)
	}
}
