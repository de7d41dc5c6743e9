"""librdkafka's mock cluster as brokers that other processes reach: plaintext, on a port of this machine."""
import ctypes


class Brokers:
    """`topics`: {name: partitions}; the mock makes none when it is asked to over the wire."""

    def __init__(self, topics, brokers=1):
        self.library = ctypes.CDLL("librdkafka.so.1")
        for name, result, arguments in (
                ("rd_kafka_conf_new", ctypes.c_void_p, []),
                ("rd_kafka_new", ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
                ("rd_kafka_mock_cluster_new", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]),
                ("rd_kafka_mock_cluster_bootstraps", ctypes.c_char_p, [ctypes.c_void_p]),
                ("rd_kafka_mock_topic_create", ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]),
                ("rd_kafka_mock_cluster_destroy", None, [ctypes.c_void_p]),
                ("rd_kafka_destroy", None, [ctypes.c_void_p])):
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments
        said = ctypes.create_string_buffer(256)
        self.host = self.library.rd_kafka_new(0, self.library.rd_kafka_conf_new(), said, len(said))
        assert self.host, said.value
        self.cluster = self.library.rd_kafka_mock_cluster_new(self.host, brokers)
        for name, partitions in topics.items():
            assert self.library.rd_kafka_mock_topic_create(self.cluster, name.encode(), partitions, 1) == 0, name
        self.bootstrap = self.library.rd_kafka_mock_cluster_bootstraps(self.cluster).decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.rd_kafka_mock_cluster_destroy(self.cluster)
        self.library.rd_kafka_destroy(self.host)
