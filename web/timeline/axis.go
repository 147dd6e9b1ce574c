package timeline

import "time"

// tick is a line of the axis.
type tick struct {
	at    time.Time
	text  string
	minor bool // its text is left out where there is little room
}

// steps are the distances between ticks, each of which divides a day or is a
// number of days. Longer ones follow the calendar.
var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day,
}

// mostTicks is how many have room for their texts.
const mostTicks = 8

// calendar are the distances beyond a day: so many days of each month, or so many
// months.
var calendar = []struct {
	length time.Duration
	days   int
	months int
}{
	{length: 2 * day, days: 2}, {length: 5 * day, days: 5}, {length: 10 * day, days: 10}, {length: 15 * day, days: 15},
	{length: 30 * day, months: 1}, {length: 61 * day, months: 2}, {length: 91 * day, months: 3}, {length: 183 * day, months: 6},
	{length: 365 * day, months: 12}, {length: 1826 * day, months: 60}, {length: 3652 * day, months: 120},
}

// ticks are in the time zone UTC, as everything in the API is.
func (p Picture) ticks() []tick {
	span := p.Until.Sub(p.From)
	for _, step := range steps {
		if span/step <= mostTicks {
			return p.evenTicks(step)
		}
	}
	for _, c := range calendar {
		if span/c.length <= mostTicks {
			return p.calendarTicks(c.days, c.months)
		}
	}
	return nil
}

func (p Picture) evenTicks(step time.Duration) (ticks []tick) {
	for t := p.From.UTC().Truncate(step); !t.After(p.Until); t = t.Add(step) {
		if t.Before(p.From) {
			continue
		}
		text := t.Format("15:04:05")
		switch {
		case t.Equal(t.Truncate(day)):
			text = t.Format("2 Jan")
		case step >= time.Minute:
			text = t.Format("15:04")
		}
		ticks = append(ticks, tick{at: t, text: text, minor: t.Unix()/int64(step/time.Second)%2 == 1})
	}
	return ticks
}

// calendarTicks begin anew with each month, or year.
func (p Picture) calendarTicks(days, months int) (ticks []tick) {
	from := p.From.UTC()
	for month := time.Date(from.Year(), 1, 1, 0, 0, 0, 0, time.UTC); !month.After(p.Until); month = month.AddDate(0, max(months, 1), 0) {
		text := "Jan 2006"
		if months == 0 {
			text = "2 Jan"
		}
		for t := month; t.Month() == month.Month(); t = t.AddDate(0, 0, days) {
			near := days > 0 && t.Day() > 31-days // the first of the next month is near
			if !t.Before(p.From) && !t.After(p.Until) && !near {
				ticks = append(ticks, tick{at: t, text: t.Format(text), minor: len(ticks)%2 == 1})
			}
			if days == 0 {
				break
			}
		}
	}
	return ticks
}
