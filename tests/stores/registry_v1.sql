BEGIN TRANSACTION;
CREATE TABLE blob_refs (
	owner TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (owner, digest)
);
INSERT INTO "blob_refs" VALUES('model/delay/1.9/1','38071e27a5e107867db9d978c8092f9ec6100ca3d2f0b566440abe69ee06dd2e');
INSERT INTO "blob_refs" VALUES('model/delay/1.10/1','843500c10e0d1939ac58d192d656f80642c3b4132053fd70bd426ad1aae4ed2d');
INSERT INTO "blob_refs" VALUES('model/delay/2rc1/1','4220b87df02c8bd6c3467a66ca35e573d7ea8589e33456eff033c4501ace9d3d');
INSERT INTO "blob_refs" VALUES('model/delay/1!0.1/1','28868b970b8b4f1e3e3e7e94c84b76e086c767e535de4a6aa1164cc6f03c2c2c');
INSERT INTO "blob_refs" VALUES('model/delay/1.10.post1/1','b09ffc776a0f02b39ac607a77c289f131d8634ba51e17e2a0a1a838460e92196');
INSERT INTO "blob_refs" VALUES('model/delay/1.10+local.7/1','7ffe8b2bfb68b62a13b36df4f73b3f770b0020478b036bb68db98c49a6bccda0');
INSERT INTO "blob_refs" VALUES('model/delay/1.9/2','12be721f230cea7f226aacf1864497efe932536e9bde8cc828142a13b52d3091');
INSERT INTO "blob_refs" VALUES('model/other/0.1/1','6f24f65ed99cc4c2ac4bacf0d9b52703923ed20ba75be8d6d72ef35ec2267789');
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
INSERT INTO "model_aliases" VALUES('delay','champion',1,'1.9','1.9.0',1,'2013-03-09T09:00:00.000000+00:00','ann','first');
INSERT INTO "model_aliases" VALUES('delay','champion',2,'1.11.dev3','1.11.0.dev3',2,'2013-03-10T09:00:00.000000+00:00','bob','try');
INSERT INTO "model_aliases" VALUES('delay','champion',3,'1.9','1.9.0',1,'2013-03-11T09:00:00.000000+00:00','ann','worse');
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
INSERT INTO "model_versions" VALUES('delay','1.9',1,'1.9.0','38071e27a5e107867db9d978c8092f9ec6100ca3d2f0b566440abe69ee06dd2e','skops',10462,'2013-03-01T09:00:00.000000+00:00','ann','{"note":"1.9.0"}','{"auc":0.71}','{"mlops_nb":"0.1.0","numpy":"2.4.6","pandas":"3.1.1","python":"3.11.7","scikit-learn":"1.9.1","scipy":"1.17.1","skops":"0.16.0"}','{"columns":[{"dtype":"float64","kind":"number","name":"distance","nullable":false},{"dtype":"int64","kind":"integer","name":"hour","nullable":false}],"named":true}','[{"distance":200.0,"hour":6},{"distance":1400.0,"hour":9},{"distance":2500.0,"hour":17},{"distance":760.0,"hour":21}]','flights_1f0a');
INSERT INTO "model_versions" VALUES('delay','1.10',1,'1.10.0','843500c10e0d1939ac58d192d656f80642c3b4132053fd70bd426ad1aae4ed2d','skops',803,'2013-03-02T09:00:00.000000+00:00','ann','{"note":"1.10.0"}','{"auc":0.72}','{"mlops_nb":"0.1.0","numpy":"2.4.6","pandas":"3.1.1","python":"3.11.7","scikit-learn":"1.9.1","scipy":"1.17.1","skops":"0.16.0"}',NULL,NULL,NULL);
INSERT INTO "model_versions" VALUES('delay','2rc1',1,'2.0.0rc1','4220b87df02c8bd6c3467a66ca35e573d7ea8589e33456eff033c4501ace9d3d','skops',805,'2013-03-03T09:00:00.000000+00:00','ann','{"note":"2.0.0rc1"}','{"auc":0.73}','{"mlops_nb":"0.1.0","numpy":"2.4.6","pandas":"3.1.1","python":"3.11.7","scikit-learn":"1.9.1","scipy":"1.17.1","skops":"0.16.0"}',NULL,NULL,NULL);
INSERT INTO "model_versions" VALUES('delay','1!0.1',1,'1!0.1','28868b970b8b4f1e3e3e7e94c84b76e086c767e535de4a6aa1164cc6f03c2c2c','skops',802,'2013-03-04T09:00:00.000000+00:00','ann','{"note":"1!0.1"}','{"auc":0.74}','{"mlops_nb":"0.1.0","numpy":"2.4.6","pandas":"3.1.1","python":"3.11.7","scikit-learn":"1.9.1","scipy":"1.17.1","skops":"0.16.0"}',NULL,NULL,NULL);
INSERT INTO "model_versions" VALUES('delay','1.10.post1',1,'1.10.0.post1','b09ffc776a0f02b39ac607a77c289f131d8634ba51e17e2a0a1a838460e92196','skops',809,'2013-03-05T09:00:00.000000+00:00','ann','{"note":"1.10.0.post1"}','{"auc":0.75}','{"mlops_nb":"0.1.0","numpy":"2.4.6","pandas":"3.1.1","python":"3.11.7","scikit-learn":"1.9.1","scipy":"1.17.1","skops":"0.16.0"}',NULL,NULL,NULL);
INSERT INTO "model_versions" VALUES('delay','1.10+local.7',1,'1.10.0+local.7','7ffe8b2bfb68b62a13b36df4f73b3f770b0020478b036bb68db98c49a6bccda0','skops',811,'2013-03-07T09:00:00.000000+00:00','ann','{"note":"1.10.0+local.7"}','{"auc":0.77}','{"mlops_nb":"0.1.0","numpy":"2.4.6","pandas":"3.1.1","python":"3.11.7","scikit-learn":"1.9.1","scipy":"1.17.1","skops":"0.16.0"}',NULL,NULL,NULL);
INSERT INTO "model_versions" VALUES('delay','1.9',2,'1.9.0','12be721f230cea7f226aacf1864497efe932536e9bde8cc828142a13b52d3091','skops',1141,'2013-03-08T09:00:00.000000+00:00','bob','{}','{}','{"mlops_nb":"0.1.0","numpy":"2.4.6","pandas":"3.1.1","python":"3.11.7","scikit-learn":"1.9.1","scipy":"1.17.1","skops":"0.16.0"}',NULL,NULL,'flights_2b');
INSERT INTO "model_versions" VALUES('other','0.1',1,'0.1','6f24f65ed99cc4c2ac4bacf0d9b52703923ed20ba75be8d6d72ef35ec2267789','skops',10462,'2013-03-13T09:00:00.000000+00:00','eve','{}','{}','{"mlops_nb":"0.1.0","numpy":"2.4.6","pandas":"3.1.1","python":"3.11.7","scikit-learn":"1.9.1","scipy":"1.17.1","skops":"0.16.0"}',NULL,NULL,NULL);
CREATE TABLE store_settings (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "store_settings" VALUES('schema','1');
CREATE INDEX blob_refs_digest ON blob_refs (digest);
COMMIT;
