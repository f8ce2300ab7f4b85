// Command move-container creates an HA container, moves it to another node, tells its migration as it happens, and prints
// its history.
//
//	LORMAS_URL=http://127.0.0.1:8080 LORMAS_TOKEN=... move-container NAME
//
// It shows what every client does: a token in each call, a deadline for each call, and a watch that is resumed where it
// broke. The exit code is 0 when the container runs on its new node, 1 when it does not, and 2 when it was called wrongly.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	api "lormas/api/v1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	// How long one call may take.
	callTime = 10 * time.Second
	// How long the container may take to run, and its migration to end.
	runTime = 2 * time.Minute
	// How often in a row the watch is opened anew before it is given up.
	reconnectsMax = 20
)

// coordinator is the API of one coordinator, with the caller's token in every call.
type coordinator struct {
	connection *grpc.ClientConn
	token      string
	access     api.AccessServiceClient
	containers api.ContainerServiceClient
	events     api.EventServiceClient
}

func dial(address, token string) (*coordinator, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Hostname() == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return nil, fmt.Errorf("LORMAS_URL is %q: give it as http://HOST:PORT or https://HOST:PORT", address)
	}
	transport, port := grpc.WithInsecure(), "80"
	if parsed.Scheme == "https" {
		transport, port = grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{})), "443"
	}
	if parsed.Port() != "" {
		port = parsed.Port()
	}
	connection, err := grpc.Dial(parsed.Hostname()+":"+port, transport, grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{})))
	if err != nil {
		return nil, err
	}
	return &coordinator{
		connection: connection,
		token:      token,
		access:     api.NewAccessServiceClient(connection),
		containers: api.NewContainerServiceClient(connection),
		events:     api.NewEventServiceClient(connection),
	}, nil
}

// within gives the context of one call.
func (c *coordinator) within(duration time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), duration)
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.token), cancel
}

// watch hands over every change that was committed after an event's number, in order and without a gap, until `done` says
// so. It returns the number of the last one.
func (c *coordinator) watch(after uint64, done func(*api.Change) bool) (uint64, error) {
	ctx, cancel := c.within(runTime)
	defer cancel()
	for broken := 0; ; {
		from := after
		stream, err := c.events.Watch(ctx, &api.WatchRequest{After: &from})
		for err == nil {
			var message *api.WatchResponse
			if message, err = stream.Recv(); err != nil {
				break
			}
			broken = 0
			if change := message.GetChange(); change != nil {
				after = change.GetEvent().GetSequence()
				if done(change) {
					return after, nil
				}
			}
		}
		broken++
		// OUT_OF_RANGE: what lies between is not kept any more; this client would have to list again.
		if status.Code(err) != codes.Unavailable || broken > reconnectsMax {
			return after, err
		}
		time.Sleep(time.Duration(broken) * 200 * time.Millisecond)
	}
}

func main() {
	egg := flag.String("egg", "hello-http", "what the container is made from")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: move-container [-egg EGG] NAME")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	address, token := os.Getenv("LORMAS_URL"), os.Getenv("LORMAS_TOKEN")
	if address == "" || token == "" {
		fmt.Fprintln(os.Stderr, "LORMAS_URL and LORMAS_TOKEN must be set; 'lormas token create' makes a token")
		os.Exit(2)
	}
	c, err := dial(address, token)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err := moveContainer(c, flag.Arg(0), *egg); err != nil {
		if refused, ok := status.FromError(err); ok {
			fmt.Fprintf(os.Stderr, "%v: %s\n", refused.Code(), refused.Message())
		} else {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
}

func moveContainer(c *coordinator, name, egg string) error {
	ctx, cancel := c.within(3 * callTime)
	defer cancel()
	me, err := c.access.WhoAmI(ctx, &api.WhoAmIRequest{})
	if err != nil {
		return err
	}
	fmt.Printf("signed in as %s (%s)\n", me.GetName(), me.GetRole())
	// What is watched from before the first change shows every one of them.
	events, err := c.events.ListEvents(ctx, &api.ListEventsRequest{Latest: true, PageSize: 1})
	if err != nil {
		return err
	}
	created, err := c.containers.CreateContainer(ctx, &api.CreateContainerRequest{
		Name: name, EggId: egg, Type: api.ContainerType_CONTAINER_TYPE_HA,
	})
	if err != nil {
		return err
	}
	container := created.GetContainer()
	asOf, err := c.watch(events.GetAsOf(), func(change *api.Change) bool {
		if change.GetContainer().GetId() != container.GetId() {
			return false
		}
		container = change.GetContainer()
		now := container.GetStatus()
		return now == api.ContainerStatus_CONTAINER_STATUS_RUNNING || now == api.ContainerStatus_CONTAINER_STATUS_FAILED
	})
	if err != nil {
		return err
	}
	if container.GetStatus() != api.ContainerStatus_CONTAINER_STATUS_RUNNING {
		return fmt.Errorf("%s does not run: %s", name, container.GetStatusReason())
	}
	bound := float64(container.GetFailoverBoundMs()) / 1000
	fmt.Printf("%s runs on %s, at most %.1f s without service\n", name, container.GetNodeName(), bound)
	return followMigration(c, name, asOf)
}

func followMigration(c *coordinator, name string, asOf uint64) error {
	ctx, cancel := c.within(callTime)
	defer cancel()
	begun, err := c.containers.MigrateContainer(ctx, &api.MigrateContainerRequest{Id: name})
	if err != nil {
		return err
	}
	migration, told := begun.GetMigration(), 0
	if _, err := c.watch(asOf, func(change *api.Change) bool {
		if change.GetMigration().GetId() != migration.GetId() {
			return false
		}
		migration = change.GetMigration()
		// A change shows the migration as it is now; what it passed quickly is among its steps alone.
		for ; told < len(migration.GetSteps()); told++ {
			fmt.Printf("  %s\n", migration.GetSteps()[told].GetName())
		}
		ended := migration.GetOutcome() != api.MigrationOutcome_MIGRATION_OUTCOME_RUNNING
		if ended {
			fmt.Printf("  %s\n", migration.GetState())
		}
		return ended
	}); err != nil {
		return err
	}
	after, stop := c.within(callTime)
	defer stop()
	history, err := c.containers.ListMigrationHistory(after, &api.ListMigrationHistoryRequest{Id: name})
	if err != nil {
		return err
	}
	for _, past := range history.GetMigrations() {
		outcome := strings.ToLower(strings.TrimPrefix(past.GetOutcome().String(), "MIGRATION_OUTCOME_"))
		target := past.GetTargetNodeName()
		if target == "" {
			target = "-"
		}
		fmt.Printf("%s -> %s: %s, %d ms without service\n", past.GetSourceNodeName(), target, outcome, past.GetDowntimeMs())
	}
	if migration.GetOutcome() != api.MigrationOutcome_MIGRATION_OUTCOME_COMPLETED {
		return fmt.Errorf("%s was not moved: %s", name, migration.GetErrorMessage())
	}
	return nil
}
