package main

import (
	"fmt"
	"time"
)

// parseTime reads the three forms the CLI knows; "" is no time.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 MST"} {
		if parsed, err := time.Parse(form, text); err == nil {
			return parsed.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("Converting '%s' to time", text)
}

func showTime(t time.Time) string { return t.UTC().Format("Mon Jan _2 15:04:05 MST 2006") }

func showSeconds(seconds int64) string { return showTime(time.Unix(seconds, 0)) }
