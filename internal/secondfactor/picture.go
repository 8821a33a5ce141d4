package secondfactor

import (
	"bytes"
	"fmt"
	"image/png"
	"net/url"

	"github.com/pquerna/otp"
)

// pictureSide is how wide and high the picture is, in pixels.
const pictureSide = 256

// Address returns the otpauth address of a secret, which devices read as a picture.
func Address(issuer, account, secret string) string {
	query := url.Values{"secret": {secret}, "issuer": {issuer}}
	address := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + account, RawQuery: query.Encode()}
	return address.String()
}

// Picture returns the QR code of an address, as PNG.
func Picture(address string) ([]byte, error) {
	key, err := otp.NewKeyFromURL(address)
	if err != nil {
		return nil, fmt.Errorf("draw a QR code: %w", err)
	}
	picture, err := key.Image(pictureSide, pictureSide)
	if err != nil {
		return nil, fmt.Errorf("draw a QR code: %w", err)
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, picture); err != nil {
		return nil, fmt.Errorf("draw a QR code: %w", err)
	}
	return encoded.Bytes(), nil
}
