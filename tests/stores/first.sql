BEGIN TRANSACTION;
CREATE TABLE alerts (
	seq INTEGER NOT NULL, 
	type TEXT NOT NULL, 
	message TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	raised_at TEXT NOT NULL, 
	resolved_at TEXT, 
	PRIMARY KEY (seq)
);
CREATE TABLE blob_refs (
	owner TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (owner, digest)
);
INSERT INTO "blob_refs" VALUES('data/delays_0faae6e0c702','3b7cec44c24e3f8b06dd50fd41a3e63ac528a50f85e02ce05ec9d437133eddde');
INSERT INTO "blob_refs" VALUES('data/delays_0faae6e0c702','4926fa1016f2f4f08ffd323c836dfffb6d3b74dc68300bfb963a915b02189d08');
INSERT INTO "blob_refs" VALUES('data/delays_0faae6e0c702','801b1949b8bafa96aeb30e683a3e9f601bc6b6539e7354e31209ce280760a415');
INSERT INTO "blob_refs" VALUES('data/delays_0faae6e0c702','c1820b6d67bc0ad89a811cb0f641901ede39e6a361835640b81614569a1a70fc');
INSERT INTO "blob_refs" VALUES('data/delays_3d147247abf0','013dd49383217e84b63eabad463702ddc368e38c4503e507ac59ed2cba876b7f');
INSERT INTO "blob_refs" VALUES('data/delays_3d147247abf0','250bd91f1db2ebd15d4f1070ffea782d104ac736ce94107a068297598de63606');
INSERT INTO "blob_refs" VALUES('data/delays_3d147247abf0','4926fa1016f2f4f08ffd323c836dfffb6d3b74dc68300bfb963a915b02189d08');
INSERT INTO "blob_refs" VALUES('data/delays_3d147247abf0','c1820b6d67bc0ad89a811cb0f641901ede39e6a361835640b81614569a1a70fc');
INSERT INTO "blob_refs" VALUES('data/delays_3d147247abf0','fdffeecca55049cd0aaf1bff174ff54bf8cce1c56682b41052e4835f2034c542');
INSERT INTO "blob_refs" VALUES('model/delay/1/1','d91424515320f400733728e0939c164717be636985ae67de63b60afd46811b14');
INSERT INTO "blob_refs" VALUES('model/delay/1.1/1','286dfb93221ae67a4a582f9e21df99926f27b7612cbbc600558b040064647348');
CREATE TABLE data_chunks (
	"key" TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "data_chunks" VALUES('185f5b5ee300487e82160ee8c39a952784ecdf5cd2e23d71d9aea1faf1ab1e16','4926fa1016f2f4f08ffd323c836dfffb6d3b74dc68300bfb963a915b02189d08');
INSERT INTO "data_chunks" VALUES('eb55bc1dd5fef66f6afac1989978ee81490d413a153160b117dc6af102a4afda','c1820b6d67bc0ad89a811cb0f641901ede39e6a361835640b81614569a1a70fc');
INSERT INTO "data_chunks" VALUES('c3edccb42da6f108ed400cdf930ba6c1d70d565e77c6df2d3e08dd916ca4f50c','801b1949b8bafa96aeb30e683a3e9f601bc6b6539e7354e31209ce280760a415');
INSERT INTO "data_chunks" VALUES('7d47ec75d823681a8ee74a6122b0ea053c980522dd86228541531bf7eda9ea5a','fdffeecca55049cd0aaf1bff174ff54bf8cce1c56682b41052e4835f2034c542');
INSERT INTO "data_chunks" VALUES('a69160ca2ef685551ed6399a1583fe8e96d6b2866c5f505fa29fca9e62ad6fd1','250bd91f1db2ebd15d4f1070ffea782d104ac736ce94107a068297598de63606');
CREATE TABLE data_parents (
	version TEXT NOT NULL, 
	parent TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	PRIMARY KEY (version, parent)
);
INSERT INTO "data_parents" VALUES('delays_3d147247abf0','delays_0faae6e0c702',0);
CREATE TABLE data_versions (
	version TEXT NOT NULL, 
	name TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	manifest TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	created_at TEXT NOT NULL, 
	description TEXT, 
	kind TEXT NOT NULL, 
	rows INTEGER NOT NULL, 
	columns INTEGER NOT NULL, 
	size INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "data_versions" VALUES('delays_0faae6e0c702','delays','0faae6e0c702d204633a859c94c97b3c7a8c8efc7543d250c737e5dc99db2be4','3b7cec44c24e3f8b06dd50fd41a3e63ac528a50f85e02ce05ec9d437133eddde',1,'2026-01-01T00:00:00.000000+00:00','first','frame',20,2,2117);
INSERT INTO "data_versions" VALUES('delays_3d147247abf0','delays','3d147247abf01a9e074b64e24cdaf5a875cec7b43027717ba0213b478277974a','013dd49383217e84b63eabad463702ddc368e38c4503e507ac59ed2cba876b7f',2,'2026-01-01T00:00:01.000000+00:00','with label','frame',20,3,2748);
CREATE TABLE model_aliases (
	name TEXT NOT NULL, 
	alias TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	version TEXT NOT NULL, 
	origin INTEGER NOT NULL, 
	time TEXT NOT NULL, 
	"by" TEXT NOT NULL, 
	why TEXT NOT NULL, 
	PRIMARY KEY (name, alias, seq)
);
INSERT INTO "model_aliases" VALUES('delay','champion',1,'1','1.0.0',1,'2026-01-01T00:00:04.000000+00:00','root','');
INSERT INTO "model_aliases" VALUES('delay','champion',2,'1.1','1.1.0',2,'2026-01-01T00:00:05.000000+00:00','root','');
CREATE TABLE model_versions (
	name TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	version TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	format TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	registered_at TEXT NOT NULL, 
	registered_by TEXT NOT NULL, 
	metadata TEXT NOT NULL, 
	metrics TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	signature TEXT, 
	input_example TEXT, 
	data_version TEXT, 
	PRIMARY KEY (name, "key", revision)
);
INSERT INTO "model_versions" VALUES('delay','1',1,'1.0.0','d91424515320f400733728e0939c164717be636985ae67de63b60afd46811b14','skops',10465,'2026-01-01T00:00:02.000000+00:00','root','{"by":"Ann"}','{}','{"mlops_nb":"0.1.0","numpy":"2.4.6","pandas":"3.1.1","python":"3.11.7","scikit-learn":"1.9.1","scipy":"1.17.1","skops":"0.16.0"}',NULL,NULL,NULL);
INSERT INTO "model_versions" VALUES('delay','1.1',1,'1.1.0','286dfb93221ae67a4a582f9e21df99926f27b7612cbbc600558b040064647348','skops',10465,'2026-01-01T00:00:03.000000+00:00','root','{}','{}','{"mlops_nb":"0.1.0","numpy":"2.4.6","pandas":"3.1.1","python":"3.11.7","scikit-learn":"1.9.1","scipy":"1.17.1","skops":"0.16.0"}',NULL,NULL,NULL);
CREATE TABLE prediction_feedback (
	seq INTEGER NOT NULL, 
	prediction_id TEXT NOT NULL, 
	type TEXT NOT NULL, 
	value TEXT NOT NULL, 
	logged_at TEXT NOT NULL, 
	PRIMARY KEY (seq), 
	FOREIGN KEY(prediction_id) REFERENCES predictions (id)
);
INSERT INTO "prediction_feedback" VALUES(1,'019b76dabf7070009ad7c2ab2936166b','ground_truth','1','2026-01-01T00:00:07.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(2,'019b76dac7407000977a421e1859296d','ground_truth','1','2026-01-01T00:00:09.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(3,'019b76dacf1070009856a7167d7ca7ba','ground_truth','1','2026-01-01T00:00:11.000000+00:00');
CREATE TABLE prediction_inputs (
	input TEXT NOT NULL, 
	prediction_id TEXT NOT NULL, 
	PRIMARY KEY (prediction_id), 
	FOREIGN KEY(prediction_id) REFERENCES predictions (id)
);
INSERT INTO "prediction_inputs" VALUES('{"hour":0}','019b76dabf7070009ad7c2ab2936166b');
INSERT INTO "prediction_inputs" VALUES('{"hour":1}','019b76dac7407000977a421e1859296d');
INSERT INTO "prediction_inputs" VALUES('{"hour":2}','019b76dacf1070009856a7167d7ca7ba');
CREATE TABLE predictions (
	id TEXT NOT NULL, 
	timestamp TEXT NOT NULL, 
	model_version TEXT, 
	user_id TEXT, 
	prediction TEXT, 
	continuous BOOLEAN NOT NULL, 
	probability TEXT, 
	response_time FLOAT, 
	error TEXT, 
	actual TEXT, 
	actual_continuous BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "predictions" VALUES('019b76dabf7070009ad7c2ab2936166b','2026-01-01T00:00:06.000000+00:00','1.1.0','u','0',0,'0.9',0.01,NULL,'1',0);
INSERT INTO "predictions" VALUES('019b76dac7407000977a421e1859296d','2026-01-01T00:00:08.000000+00:00','1.1.0','u','1',0,'0.9',0.01,NULL,'1',0);
INSERT INTO "predictions" VALUES('019b76dacf1070009856a7167d7ca7ba','2026-01-01T00:00:10.000000+00:00','1.1.0','u','0',0,'0.9',0.01,NULL,'1',0);
CREATE TABLE store_settings (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "store_settings" VALUES('schema','1');
CREATE INDEX blob_refs_digest ON blob_refs (digest);
CREATE INDEX predictions_time ON predictions (timestamp, id);
CREATE INDEX prediction_feedback_id ON prediction_feedback (prediction_id);
CREATE INDEX alerts_firing ON alerts (resolved_at, type);
COMMIT;
