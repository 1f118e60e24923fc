// Java: a request in each version, to each port. Arguments: an address and ports; a line for each handshake.
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.Security;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

public class Client {
    static final TrustManager ANYONE = new X509TrustManager() {
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    };

    static String ask(String host, int port, String version) {
        try {
            SSLContext context = SSLContext.getInstance("TLS"); // anew: nothing is resumed
            context.init(null, new TrustManager[] {ANYONE}, null);
            Socket plain = new Socket(host, port);
            plain.setSoTimeout(10000);
            try (SSLSocket tls = (SSLSocket) context.getSocketFactory().createSocket(plain, "a.example", port, true)) {
                if (!version.equals("default")) {
                    tls.setEnabledProtocols(version.split("[+]"));
                }
                tls.getOutputStream().write("GET / HTTP/1.0\r\nHost: a\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                String said = new String(tls.getInputStream().readNBytes(12), StandardCharsets.US_ASCII);
                return said.equals("HTTP/1.1 200") ? "ok" : "no answer";
            }
        } catch (Exception error) {
            return error.toString();
        }
    }

    public static void main(String[] arguments) {
        Security.setProperty("jdk.tls.disabledAlgorithms", ""); // else it has no TLS 1.0 and 1.1
        for (int place = 1; place < arguments.length; place++) {
            for (String version : new String[] {"default", "SSLv2Hello+TLSv1", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}) {
                int port = Integer.parseInt(arguments[place]);
                System.out.println(port + " " + version + " " + ask(arguments[0], port, version));
            }
        }
    }
}
