package api

import (
	"time"

	"holdfast/inventory"
)

const (
	secondsPerDay = 86_400
	// daysTo1970 is from 0000-03-01 of the proleptic Gregorian calendar.
	daysTo1970 = 719_468
)

// appendInstant appends t as a quoted RFC 3339 time in UTC with milliseconds,
// further digits cut off. Every order has four of them, and time.AppendFormat
// costs five times as much. Only moments from 1970 to 9999 occur.
func appendInstant(dst []byte, t inventory.Instant) []byte {
	milliseconds := int64(t / inventory.Millisecond)
	days, rest := milliseconds/(secondsPerDay*1000), milliseconds%(secondsPerDay*1000)
	year, month, day := civil(days)
	dst = append(dst, '"')
	dst = appendTwo(appendTwo(dst, year/100), year%100)
	dst = appendTwo(append(dst, '-'), month)
	dst = appendTwo(append(dst, '-'), day)
	seconds := int(rest / 1000)
	dst = appendTwo(append(dst, 'T'), seconds/3600)
	dst = appendTwo(append(dst, ':'), seconds/60%60)
	dst = appendTwo(append(dst, ':'), seconds%60)
	fraction := int(rest % 1000)
	dst = append(dst, '.', byte('0'+fraction/100))
	dst = appendTwo(dst, fraction%100)
	return append(dst, 'Z', '"')
}

func appendTwo(dst []byte, value int) []byte {
	return append(dst, byte('0'+value/10), byte('0'+value%10))
}

// civil turns days since 1970-01-01 into a date. The year begins in March, so
// that the leap day is its last; an era is 400 years.
func civil(days int64) (year, month, day int) {
	z := days + daysTo1970
	era := z / 146_097
	dayOfEra := z - era*146_097
	yearOfEra := (dayOfEra - dayOfEra/1_460 + dayOfEra/36_524 - dayOfEra/146_096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*dayOfYear + 2) / 153
	day = int(dayOfYear-(153*shifted+2)/5) + 1
	month = int(shifted) + 3
	year = int(yearOfEra + era*400)
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// instantText returns t as RFC 3339.
func instantText(t inventory.Instant) string {
	quoted := appendInstant(make([]byte, 0, 32), t)
	return string(quoted[1 : len(quoted)-1])
}

// parseInstant reads an RFC 3339 time that the schema has accepted. Digits below
// milliseconds are cut off, so that what is shown later is what is kept.
func parseInstant(text string) inventory.Instant {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0
	}
	return inventory.Instant(at.UnixMilli()) * inventory.Millisecond
}
