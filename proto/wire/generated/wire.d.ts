import * as $protobuf from "protobufjs/minimal.js";
import Long = require("long");

/** Namespace assay. */
export namespace assay {

    /** Namespace v1. */
    namespace v1 {

        /**
         * Properties of a Provider.
         * @deprecated Use assay.v1.Provider.$Properties instead.
         */
        interface IProvider extends assay.v1.Provider.$Properties {
        }

        /** Represents a Provider. */
        class Provider {

            /**
             * Constructs a new Provider.
             * @param [properties] Properties to set
             */
            constructor(properties?: assay.v1.Provider.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Provider peerId. */
            peerId: string;

            /** Provider addresses. */
            addresses: string[];

            /**
             * Encodes the specified Provider message. Does not implicitly {@link assay.v1.Provider.verify|verify} messages.
             * @param message Provider message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: assay.v1.Provider.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Provider message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {assay.v1.Provider & assay.v1.Provider.$Shape} Provider
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): assay.v1.Provider & assay.v1.Provider.$Shape;
        }

        namespace Provider {

            /** Properties of a Provider. */
            interface $Properties {

                /** Provider peerId */
                peerId?: (string|null);

                /** Provider addresses */
                addresses?: (string[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Provider. */
            type $Shape = assay.v1.Provider.$Properties;
        }

        /**
         * Properties of a PeerAnnouncement.
         * @deprecated Use assay.v1.PeerAnnouncement.$Properties instead.
         */
        interface IPeerAnnouncement extends assay.v1.PeerAnnouncement.$Properties {
        }

        /** Represents a PeerAnnouncement. */
        class PeerAnnouncement {

            /**
             * Constructs a new PeerAnnouncement.
             * @param [properties] Properties to set
             */
            constructor(properties?: assay.v1.PeerAnnouncement.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** PeerAnnouncement network. */
            network: Uint8Array;

            /** PeerAnnouncement sequence. */
            sequence: number;

            /** PeerAnnouncement role. */
            role: number;

            /** PeerAnnouncement account. */
            account: Uint8Array;

            /** PeerAnnouncement provider. */
            provider?: (assay.v1.Provider.$Properties|null);

            /** PeerAnnouncement signature. */
            signature: Uint8Array;

            /**
             * Encodes the specified PeerAnnouncement message. Does not implicitly {@link assay.v1.PeerAnnouncement.verify|verify} messages.
             * @param message PeerAnnouncement message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: assay.v1.PeerAnnouncement.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a PeerAnnouncement message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {assay.v1.PeerAnnouncement & assay.v1.PeerAnnouncement.$Shape} PeerAnnouncement
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): assay.v1.PeerAnnouncement & assay.v1.PeerAnnouncement.$Shape;
        }

        namespace PeerAnnouncement {

            /** Properties of a PeerAnnouncement. */
            interface $Properties {

                /** PeerAnnouncement network */
                network?: (Uint8Array|null);

                /** PeerAnnouncement sequence */
                sequence?: (number|null);

                /** PeerAnnouncement role */
                role?: (number|null);

                /** PeerAnnouncement account */
                account?: (Uint8Array|null);

                /** PeerAnnouncement provider */
                provider?: (assay.v1.Provider.$Properties|null);

                /** PeerAnnouncement signature */
                signature?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a PeerAnnouncement. */
            type $Shape = assay.v1.PeerAnnouncement.$Properties;
        }

        /**
         * Properties of a JobAnnouncement.
         * @deprecated Use assay.v1.JobAnnouncement.$Properties instead.
         */
        interface IJobAnnouncement extends assay.v1.JobAnnouncement.$Properties {
        }

        /** Represents a JobAnnouncement. */
        class JobAnnouncement {

            /**
             * Constructs a new JobAnnouncement.
             * @param [properties] Properties to set
             */
            constructor(properties?: assay.v1.JobAnnouncement.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** JobAnnouncement network. */
            network: Uint8Array;

            /** JobAnnouncement sequence. */
            sequence: number;

            /** JobAnnouncement submitter. */
            submitter: Uint8Array;

            /** JobAnnouncement nonce. */
            nonce: number;

            /** JobAnnouncement spec. */
            spec: Uint8Array;

            /** JobAnnouncement providers. */
            providers: assay.v1.Provider.$Properties[];

            /** JobAnnouncement signature. */
            signature: Uint8Array;

            /**
             * Encodes the specified JobAnnouncement message. Does not implicitly {@link assay.v1.JobAnnouncement.verify|verify} messages.
             * @param message JobAnnouncement message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: assay.v1.JobAnnouncement.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a JobAnnouncement message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {assay.v1.JobAnnouncement & assay.v1.JobAnnouncement.$Shape} JobAnnouncement
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): assay.v1.JobAnnouncement & assay.v1.JobAnnouncement.$Shape;
        }

        namespace JobAnnouncement {

            /** Properties of a JobAnnouncement. */
            interface $Properties {

                /** JobAnnouncement network */
                network?: (Uint8Array|null);

                /** JobAnnouncement sequence */
                sequence?: (number|null);

                /** JobAnnouncement submitter */
                submitter?: (Uint8Array|null);

                /** JobAnnouncement nonce */
                nonce?: (number|null);

                /** JobAnnouncement spec */
                spec?: (Uint8Array|null);

                /** JobAnnouncement providers */
                providers?: (assay.v1.Provider.$Properties[]|null);

                /** JobAnnouncement signature */
                signature?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a JobAnnouncement. */
            type $Shape = assay.v1.JobAnnouncement.$Properties;
        }

        /**
         * Properties of an EntryAnnouncement.
         * @deprecated Use assay.v1.EntryAnnouncement.$Properties instead.
         */
        interface IEntryAnnouncement extends assay.v1.EntryAnnouncement.$Properties {
        }

        /** Represents an EntryAnnouncement. */
        class EntryAnnouncement {

            /**
             * Constructs a new EntryAnnouncement.
             * @param [properties] Properties to set
             */
            constructor(properties?: assay.v1.EntryAnnouncement.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** EntryAnnouncement network. */
            network: Uint8Array;

            /** EntryAnnouncement sequence. */
            sequence: number;

            /** EntryAnnouncement entry. */
            entry: Uint8Array;

            /** EntryAnnouncement providers. */
            providers: assay.v1.Provider.$Properties[];

            /** EntryAnnouncement signature. */
            signature: Uint8Array;

            /**
             * Encodes the specified EntryAnnouncement message. Does not implicitly {@link assay.v1.EntryAnnouncement.verify|verify} messages.
             * @param message EntryAnnouncement message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: assay.v1.EntryAnnouncement.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an EntryAnnouncement message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {assay.v1.EntryAnnouncement & assay.v1.EntryAnnouncement.$Shape} EntryAnnouncement
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): assay.v1.EntryAnnouncement & assay.v1.EntryAnnouncement.$Shape;
        }

        namespace EntryAnnouncement {

            /** Properties of an EntryAnnouncement. */
            interface $Properties {

                /** EntryAnnouncement network */
                network?: (Uint8Array|null);

                /** EntryAnnouncement sequence */
                sequence?: (number|null);

                /** EntryAnnouncement entry */
                entry?: (Uint8Array|null);

                /** EntryAnnouncement providers */
                providers?: (assay.v1.Provider.$Properties[]|null);

                /** EntryAnnouncement signature */
                signature?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an EntryAnnouncement. */
            type $Shape = assay.v1.EntryAnnouncement.$Properties;
        }

        /**
         * Properties of an ExchangeRequest.
         * @deprecated Use assay.v1.ExchangeRequest.$Properties instead.
         */
        interface IExchangeRequest extends assay.v1.ExchangeRequest.$Properties {
        }

        /** Represents an ExchangeRequest. */
        class ExchangeRequest {

            /**
             * Constructs a new ExchangeRequest.
             * @param [properties] Properties to set
             */
            constructor(properties?: assay.v1.ExchangeRequest.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** ExchangeRequest jobId. */
            jobId: Uint8Array;

            /** ExchangeRequest epoch. */
            epoch: number;

            /** ExchangeRequest step. */
            step: number;

            /** ExchangeRequest level. */
            level: number;

            /** ExchangeRequest replica. */
            replica: number;

            /**
             * Encodes the specified ExchangeRequest message. Does not implicitly {@link assay.v1.ExchangeRequest.verify|verify} messages.
             * @param message ExchangeRequest message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: assay.v1.ExchangeRequest.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an ExchangeRequest message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {assay.v1.ExchangeRequest & assay.v1.ExchangeRequest.$Shape} ExchangeRequest
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): assay.v1.ExchangeRequest & assay.v1.ExchangeRequest.$Shape;
        }

        namespace ExchangeRequest {

            /** Properties of an ExchangeRequest. */
            interface $Properties {

                /** ExchangeRequest jobId */
                jobId?: (Uint8Array|null);

                /** ExchangeRequest epoch */
                epoch?: (number|null);

                /** ExchangeRequest step */
                step?: (number|null);

                /** ExchangeRequest level */
                level?: (number|null);

                /** ExchangeRequest replica */
                replica?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an ExchangeRequest. */
            type $Shape = assay.v1.ExchangeRequest.$Properties;
        }

        /**
         * Properties of a StatementRequest.
         * @deprecated Use assay.v1.StatementRequest.$Properties instead.
         */
        interface IStatementRequest extends assay.v1.StatementRequest.$Properties {
        }

        /** Represents a StatementRequest. */
        class StatementRequest {

            /**
             * Constructs a new StatementRequest.
             * @param [properties] Properties to set
             */
            constructor(properties?: assay.v1.StatementRequest.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** StatementRequest entry. */
            entry: Uint8Array;

            /** StatementRequest list. */
            list: number;

            /** StatementRequest item. */
            item: number;

            /** StatementRequest value. */
            value: number;

            /** StatementRequest element. */
            element: number;

            /** StatementRequest height. */
            height: number;

            /** StatementRequest index. */
            index: number;

            /**
             * Encodes the specified StatementRequest message. Does not implicitly {@link assay.v1.StatementRequest.verify|verify} messages.
             * @param message StatementRequest message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: assay.v1.StatementRequest.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a StatementRequest message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {assay.v1.StatementRequest & assay.v1.StatementRequest.$Shape} StatementRequest
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): assay.v1.StatementRequest & assay.v1.StatementRequest.$Shape;
        }

        namespace StatementRequest {

            /** Properties of a StatementRequest. */
            interface $Properties {

                /** StatementRequest entry */
                entry?: (Uint8Array|null);

                /** StatementRequest list */
                list?: (number|null);

                /** StatementRequest item */
                item?: (number|null);

                /** StatementRequest value */
                value?: (number|null);

                /** StatementRequest element */
                element?: (number|null);

                /** StatementRequest height */
                height?: (number|null);

                /** StatementRequest index */
                index?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a StatementRequest. */
            type $Shape = assay.v1.StatementRequest.$Properties;
        }
    }
}
