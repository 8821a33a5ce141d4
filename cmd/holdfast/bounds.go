package main

import (
	"net"
	"net/netip"
	"time"

	"holdfast/actors"
	"holdfast/api"
	"holdfast/api/ticker"
)

// What the journal accepts. A segment holds its header and the largest order.
const (
	journalSectorBytes     = 4096
	journalPendingBytesMin = 212_480
	journalSegmentBytesMin = 217_088 // header and the largest record, in whole sectors
	journalSegmentBytesMax = 1 << 30
)

// kong calls the Validate methods after parsing, before anything is touched. Each
// message names the option and says what it must be.

// Validate refuses what is no folder: an empty variable would mean the working
// directory.
func (o *globalOptions) Validate() error {
	if o.DataDir == "" {
		return usagef("--data-dir is empty and must name a folder, such as ./data")
	}
	return nil
}

// Validate refuses what is no address.
func (o *listenOption) Validate() error { return checkAddress("listen", o.Listen, "127.0.0.1:8080") }

// Validate refuses two keys.
func (o *signingKeyOptions) Validate() error {
	if o.SigningKey != "" && o.SigningKeyFile != "" {
		return usagef("--signing-key and --signing-key-file are both set: set one of them")
	}
	return nil
}

// Validate checks all options of a server.
func (o *serverOptions) Validate() error {
	for _, check := range []func() error{
		o.listenOption.Validate,
		o.signingKeyOptions.Validate,
		o.redisOptions.Validate,
		o.tlsOptions.Validate,
		o.checkRole,
		func() error { return checkAddress("admin-listen", o.AdminListen, "127.0.0.1:9090") },
		o.checkCounts,
		o.checkRates,
		o.checkJournal,
		o.checkDurations,
		o.checkOrigins,
		o.checkMode,
		o.checkProxies,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (o *serverOptions) checkCounts() error {
	if o.BacklogRecordsMax < 1 {
		return usagef("--backlog-records-max is 0 and must be at least 1")
	}
	if o.BacklogBytesMax < 1 {
		return usagef("--backlog-bytes-max is %d and must be at least 1", o.BacklogBytesMax)
	}
	for _, count := range []struct {
		option       string
		value, least int
	}{
		{"connections-max", o.ConnectionsMax, 1},
		{"connections-per-address-max", o.ConnectionsPerAddressMax, 0},
		{"in-flight-max", o.InFlightMax, 1},
		{"passwords-parallel", o.PasswordsParallel, 0},
		{"ws-connections-max", o.WSConnectionsMax, 0},
		{"ws-connections-per-address-max", o.WSConnectionsPerAddressMax, 0},
		{"ws-connections-per-user-max", o.WSConnectionsPerUserMax, 1},
	} {
		if count.value < count.least {
			return usagef("--%s is %d and must be at least %d", count.option, count.value, count.least)
		}
	}
	return nil
}

func (o *serverOptions) checkRates() error {
	for _, rate := range []struct {
		option string
		value  int
	}{
		{"rate-address-units", o.RateAddressUnits},
		{"rate-customer-orders", o.RateCustomerOrders},
		{"rate-customer-units", o.RateCustomerUnits},
	} {
		if rate.value < 0 || rate.value > api.RatePerSecondMax {
			return usagef("--%s is %d and must be at least 0, which is no bound, and at most %d", rate.option, rate.value, api.RatePerSecondMax)
		}
	}
	return nil
}

func (o *serverOptions) checkJournal() error {
	size := o.JournalSegmentBytes
	switch {
	case size%journalSectorBytes != 0 || size < journalSegmentBytesMin || size > journalSegmentBytesMax:
		return usagef("--journal-segment-bytes is %d and must be a multiple of %d between %d and %d, such as 67108864",
			size, journalSectorBytes, journalSegmentBytesMin, journalSegmentBytesMax)
	case o.JournalPendingBytes < journalPendingBytesMin:
		return usagef("--journal-pending-bytes is %d and must be at least %d, what the largest order takes",
			o.JournalPendingBytes, journalPendingBytesMin)
	case o.JournalRetainBytes < 0:
		return usagef("--journal-retain-bytes is %d and must be at least 0", o.JournalRetainBytes)
	}
	return nil
}

func (o *serverOptions) checkDurations() error {
	for _, wait := range []struct {
		option string
		value  time.Duration
	}{
		{"request-timeout", o.RequestTimeout},
		{"shutdown-timeout", o.ShutdownTimeout},
	} {
		if wait.value <= 0 {
			return usagef("--%s is %s and must be above 0, such as 5s", wait.option, wait.value)
		}
	}
	for _, kept := range []struct {
		option string
		value  time.Duration
	}{
		{"order-retention", o.OrderRetention},
		{"movement-retention", o.MovementRetention},
	} {
		if kept.value != 0 && kept.value < actors.RetentionMin {
			return usagef("--%s is %s and must be at least %s, or 0s for ever", kept.option, kept.value, actors.RetentionMin)
		}
	}
	if o.ShutdownDelay < 0 {
		return usagef("--shutdown-delay is %s and must be at least 0s", o.ShutdownDelay)
	}
	return nil
}

// wsModeEpoll is the mode of WebSockets that only some systems have.
const wsModeEpoll = "epoll"

func (o *serverOptions) checkMode() error {
	if o.WSMode == wsModeEpoll && !ticker.CanPoll {
		return usagef("--ws-mode=epoll needs Linux: leave it out")
	}
	return nil
}

func (o *serverOptions) checkOrigins() error {
	for _, list := range []struct {
		option  string
		origins commaList
	}{{"cors-origins", o.CORSOrigins}, {"ws-origins", o.WSOrigins}} {
		for _, origin := range list.origins {
			if err := api.CheckOrigin(origin); err != nil {
				return usagef("--%s: %v", list.option, err)
			}
		}
	}
	return nil
}

func (o *serverOptions) checkProxies() error {
	_, err := o.trustedProxies()
	return err
}

// trustedProxies reads the networks; an address is the network of itself.
func (o *serverOptions) trustedProxies() ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, 0, len(o.TrustedProxies))
	for _, text := range o.TrustedProxies {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			address, addressErr := netip.ParseAddr(text)
			if addressErr != nil || address.Zone() != "" {
				return nil, usagef("--trusted-proxies: %q is no address or network and must be like 10.0.0.1 or 10.0.0.0/8", text)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		switch {
		case network.Bits() == 0:
			return nil, usagef("--trusted-proxies: %q is everybody, who could then claim to be anybody", text)
		case network.Addr().Is4In6():
			return nil, usagef("--trusted-proxies: %q is an IPv4 address and must be written as one", text)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// checkAddress refuses what is no host and port. The host may be empty, for all
// addresses of the machine; the port is said, so that nobody gets a random one by
// leaving it out.
func checkAddress(option, address, example string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil && port != "" {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || port == "" {
		return usagef("--%s is %q and must be a host and a port, such as %s", option, address, example)
	}
	return nil
}
