// serve-files offers a folder's files over HTTP, for uploads by URL.
//
//	serve-files ADDRESS:PORT FOLDER
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: serve-files ADDRESS:PORT FOLDER")
	}
	log.Fatal(http.ListenAndServe(os.Args[1], http.FileServer(http.Dir(os.Args[2]))))
}
