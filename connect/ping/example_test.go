package ping_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

func Example() {
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html>\n<p>Served from Hamburg\n</html>\n")
	}))
	defer peer.Close()

	result, err := ping.Do(context.Background(), ping.Plan{URL: peer.URL, From: "Bremen"})
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Status, result.Size, "bytes from", result.Location)
	fmt.Println(result.Connect > 0, result.Total == result.Connect+result.TLS+result.FirstByte+result.LastByte)
	// Output:
	// 200 38 bytes from Hamburg
	// true true
}
